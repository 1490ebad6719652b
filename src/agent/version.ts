/** What this program says of its version: to users, and to peers that judge by it. */

/** The Consul version whose protocols and behaviour we follow; peers compare it. */
export const COMPATIBLE_VERSION = "1.8.7";
/** Stands where Consul puts its source revision: tells our agents apart in member tags. */
export const REVISION = "tribune0";

/** This program's own version; package.json holds the same (a test compares them). */
export const TRIBUNE_VERSION = "0.1.0";
