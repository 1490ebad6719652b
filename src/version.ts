/** This program's own version; package.json holds the same (a test compares them). */
export const TRIBUNE_VERSION = "0.1.0";
