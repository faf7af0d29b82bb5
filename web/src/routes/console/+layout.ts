export { wellAddressed as load } from '#lib/load.ts';
