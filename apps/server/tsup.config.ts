import { defineConfig } from 'tsup';
import shared from '../../tsup.config.js';

/** The library, and the programs that it starts as processes of their own. */
export default defineConfig({
  ...shared,
  entry: {
    index: 'src/index.ts',
    command: 'src/command/serve.ts',
    export: 'src/export/index.ts',
    main: 'src/main.ts',
    'engine-process': 'src/engine/engine-process.ts',
    'image-process': 'src/images/image-process.ts',
  },
  dts: {
    entry: {
      index: 'src/index.ts',
      command: 'src/command/serve.ts',
      export: 'src/export/index.ts',
    },
  },
});
