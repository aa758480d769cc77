import { describe } from 'vitest';
import { testMethods } from '../../testing/methods.js';

describe('rotary apart', () => testMethods({ rotary: 'separate' }));
describe('split', () => testMethods({ projections: 'split', norms: 'separate' }));
describe('multi-head', () => testMethods({ attention: 'multi-head', norms: 'separate' }));
