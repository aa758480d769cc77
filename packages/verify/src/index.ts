export type { VerifyCheck, VerifyReport } from './report.js';
export type { Precision, Tolerances } from './tolerance.js';
export { type VerifyRequest, verifyPruned } from './verify.js';
