/** THOROUGH=1 runs tests at the size that was promised where a part of it shows the same sooner. */
export const IS_THOROUGH = process.env.THOROUGH === '1';
