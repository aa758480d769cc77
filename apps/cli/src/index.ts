import { Command } from 'commander';

/**
 * Runs the command line.
 * @param parameters what follows the program's name
 * @returns the exit code
 */
export async function main(parameters: readonly string[]): Promise<number> {
  const program = new Command('transprune').description('Prune image tokens inside VLM decoders.');
  program
    .command('run')
    .argument('<image>')
    .argument('<question>')
    .option('--compare')
    .action((image: string, question: string) => {
      console.log(`${image}: ${question}`);
    });
  await program.parseAsync(parameters, { from: 'user' });
  return 0;
}
