/** A promise of raft's that a simulated cluster broke. */
export class Violation extends Error {
  override readonly name = "Violation";
}
