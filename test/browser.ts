import { accessSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext } from 'playwright-core';

/** Where Debian, Ubuntu, Fedora and macOS put a browser that playwright can drive. */
const SYSTEM_BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where a machine that has fonts has them. */
const OWN_FONTS = ['/etc/fonts/fonts.conf', '/usr/share/fonts/truetype'];

/** The sandbox needs rights that root in a container lacks; the tests only see our own pages. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
];

/**
 * A headless browser for tests: CHROME_PATH, else one that the machine has, else the one that the
 * npm package @sparticuz/chromium brings along.
 */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROME_PATH ?? SYSTEM_BROWSERS.find(exists);
  if (executablePath) return chromium.launch({ executablePath, args: ARGS });
  return chromium.launch({ ...(await unpackBundled()), args: ARGS });
}

const OF_POLICIES = /Content.Security.Policy|Permissions.Policy|Cross.Origin.(?:Opener|Resource)/i;

/** What a browser says of pages that do what they may not, as it comes; each with its page. */
export function tellBreaches(context: BrowserContext, tell: (breach: string) => void): void {
  context.on('console', (message) => {
    const text = message.text();
    if (OF_POLICIES.test(text)) tell(`${message.page()?.url()}: ${text}`);
  });
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Unpacks the bundled browser into the temporary folder. The package unpacks the libraries that a
 * bare machine lacks (NSS) only where it believes to run on AWS Lambda, so it is told so, and what
 * it sets in the environment goes to the browser alone.
 */
async function unpackBundled(): Promise<{ executablePath: string; env: NodeJS.ProcessEnv }> {
  const before = { ...process.env };
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs24.x';
  try {
    const { default: bundled } = await import('@sparticuz/chromium');
    const executablePath = await bundled.executablePath();
    const env = { ...process.env };
    // The one font that it brings knows no ₹: the machine's own are better, where there are any.
    if (OWN_FONTS.every(exists)) delete env.FONTCONFIG_PATH;
    return { executablePath, env };
  } finally {
    process.env = before;
  }
}
