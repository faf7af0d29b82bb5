/** `npm run drill`: what can go wrong, done on purpose, to the event store or to a whole shop. */
import { drillCommand } from '../../event-store/drill/command.ts';
import { DRILLS } from './drills.ts';

process.exitCode = await drillCommand(DRILLS);
