/** `node event-store/drill/main.ts`: what can go wrong, done to the event store on purpose. */
import { drillCommand } from './command.ts';
import { DRILLS } from './drills.ts';

process.exitCode = await drillCommand(DRILLS);
