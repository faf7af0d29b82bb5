/** File systems that a drill may fill up or cut the power of. They need root, and say so. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { missingTool, sh } from './drill.ts';

const IMAGE_MIB = 256;
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on the disk now never will be. */
const SHUTDOWN = `
  my $flags = pack("L", 2);
  open(my $dir, "<", $ARGV[0]) or die $!;
  ioctl($dir, 0x8004587d, $flags) or die $!;
`;

/** What this machine lacks for these, or undefined. */
export function cannotMount(...tools: string[]): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'it mounts a file system, which takes root on Linux';
  const missing = missingTool('mount', 'umount', ...tools);
  return missing && `it takes the program ${missing}, which is not here`;
}

export type Disk = { path: string; unmount: () => void };

/** A file system in memory of this size. Throws where mounts are not allowed. */
export function mountMemory(dir: string, mib: number): Disk & { resize: (mib: number) => void } {
  const path = join(dir, 'disk');
  mkdirSync(path);
  sh('mount', '-t', 'tmpfs', '-o', `size=${mib}m`, 'doorstep-drill', path);
  return {
    path,
    unmount: () => void sh('umount', '-l', path),
    resize: (to) => void sh('mount', '-o', `remount,size=${to}m`, path),
  };
}

/**
 * An ext4 on a loop device. `cut` loses all that was not synced, and makes every call fail; then
 * `unmount` and `mount` bring the disk back as a reboot does.
 */
export function loopDisk(dir: string): Disk & { mount: () => void; cut: () => void } {
  const [image, path] = [join(dir, 'image'), join(dir, 'disk')];
  mkdirSync(path);
  sh('truncate', '-s', `${IMAGE_MIB}M`, image);
  sh('mkfs.ext4', '-q', image);
  return {
    path,
    mount: () => void sh('mount', '-o', 'loop', image, path),
    cut: () => void sh('perl', '-e', SHUTDOWN, path),
    unmount: () => void sh('umount', path),
  };
}
