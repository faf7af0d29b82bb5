import { damage } from './damage.ts';
import { diskFull } from './disk-full.ts';
import type { Drill } from './drill.ts';
import { failingFsync } from './failing-fsync.ts';
import { killStorm } from './kill-storm.ts';
import { powerCut } from './power-cut.ts';
import { slowSubscriber } from './slow-subscriber.ts';
import { stopped } from './stopped.ts';

export const DRILLS: Drill[] = [
  killStorm,
  powerCut,
  diskFull,
  failingFsync,
  damage,
  slowSubscriber,
  stopped,
];
