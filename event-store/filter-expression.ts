/**
 * Filters are regular expressions of .NET, as in EventStoreDB. Here they are said in JavaScript's:
 * options from inside, `(?i)`; classes with another taken out, `[a-z-[aeiou]]`; groups that give
 * nothing back, `(?>…)`; digits, letters and spaces of every script; `$` before a last line feed.
 * Balancing groups, conditions and classes named by a block are refused.
 */

type Options = { i: boolean; m: boolean; n: boolean; s: boolean; x: boolean };

const NONE: Options = { i: false, m: false, n: false, s: false, x: false };
const WORD = String.raw`\p{L}\p{Mn}\p{Nd}\p{Pc}`;
const SPACE = String.raw`\f\n\r\t\v\x85\p{Z}`;
const IN_WORD = String.raw`[${WORD}\u200c\u200d]`;
const CLASSES: Record<string, string> = {
  d: String.raw`\p{Nd}`,
  D: String.raw`\P{Nd}`,
  w: `[${WORD}]`,
  W: `[^${WORD}]`,
  s: `[${SPACE}]`,
  S: `[^${SPACE}]`,
};
const BEFORE_LAST_LINE_FEED = String.raw`(?=\n?$)`;
const ANCHORS: Record<string, string> = {
  A: '^',
  G: '^',
  z: '$',
  Z: BEFORE_LAST_LINE_FEED,
  b: `(?:(?<=${IN_WORD})(?!${IN_WORD})|(?<!${IN_WORD})(?=${IN_WORD}))`,
  B: `(?:(?<=${IN_WORD})(?=${IN_WORD})|(?<!${IN_WORD})(?!${IN_WORD}))`,
};
const CONTROLS: Record<string, string> = {
  a: '\x07',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The expression that finds in a name what `pattern` does. Throws an Error where it is none. */
export const filterExpression = (pattern: string): RegExp =>
  new RegExp(new Translation(pattern).whole(), 'v');

/** Whatever could mean something to JavaScript is escaped. */
function literal(char: string): string {
  const code = char.charCodeAt(0);
  if (code > 0x7f || /[A-Za-z0-9]/.test(char)) return char;
  return `\\x${code.toString(16).padStart(2, '0')}`;
}

class Translation {
  private readonly pattern: string;
  private at = 0;
  private unnamed = 0;
  private atomic = 0;
  private readonly named: string[] = [];

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  whole(): string {
    const translated = this.alternatives(NONE);
    if (this.at < this.pattern.length) throw new Error('There is a ) too many.');
    // Named groups are counted behind all others.
    return translated.replace(/\\k<u(\d+)>/g, (reference, number) => {
      const name = this.named[Number(number) - this.unnamed - 1];
      return name === undefined ? reference : `\\k<n${name}>`;
    });
  }

  /** Takes what `syntax` matches next. */
  private take(syntax: RegExp): RegExpExecArray | undefined {
    const found = new RegExp(`^(?:${syntax.source})`, 'su').exec(this.pattern.slice(this.at));
    if (found) this.at += found[0].length;
    return found ?? undefined;
  }

  /** Up to the end of the group. Options that are set inside hold for the rest of it. */
  private alternatives(outside: Options): string {
    let [options, opened, translated] = [outside, '', ''];
    const close = (): string => (opened ? ')' : '');
    for (;;) {
      if (this.at >= this.pattern.length || this.pattern[this.at] === ')')
        return translated + close();
      const set = this.take(/\(\?([imnsx]*)(?:-([imnsx]*))?\)/);
      if (set) {
        options = changed(options, set);
        translated += close();
        opened = modifier(outside, options);
        translated += opened;
      } else if (this.take(/\|/)) translated += `${close()}|${opened}`;
      else translated += this.term(options);
    }
  }

  private term(options: Options): string {
    if (this.take(/\(\?#[^)]*\)/) || (options.x && this.take(/\s+|#[^\n]*/))) return '';
    const quantifier = this.take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/);
    if (quantifier) return quantifier[0];
    const char = this.pattern[this.at]!;
    if (char === '(') return this.group(options);
    if (char === '[') return this.charClass();
    if (char === '\\') return this.escape();
    this.at += 1;
    if (char === '.') return options.s ? String.raw`[\s\S]` : String.raw`[^\n]`;
    if (char === '^') return options.m ? String.raw`(?<=^|\n)` : '^';
    if (char === '$') return options.m ? String.raw`(?=\n|$)` : BEFORE_LAST_LINE_FEED;
    return literal(char);
  }

  private group(options: Options): string {
    const inside = (begin: string, held = options): string => {
      const body = this.alternatives(held);
      if (!this.take(/\)/)) throw new Error('There is a ) missing.');
      return `${begin}${body})`;
    };
    const scoped = this.take(/\(\?([imnsx]*)(?:-([imnsx]*))?:/);
    if (scoped) {
      const held = changed(options, scoped);
      return inside(modifier(options, held) || '(?:', held);
    }
    const look = this.take(/\(\?(?:<?[=!])/);
    if (look) return inside(look[0]);
    if (this.take(/\(\?>/)) {
      const name = `a${(this.atomic += 1)}`;
      return `${inside(`(?=(?<${name}>`)})\\k<${name}>`;
    }
    const name = this.take(/\(\?(?:<([\p{L}\p{N}_]+)>|'([\p{L}\p{N}_]+)')/u);
    if (name) return inside(`(?<${this.nameOf(name[1] ?? name[2]!)}>`);
    if (this.take(/\(\?/)) throw new Error('It has a group of a kind that is not served here.');
    this.at += 1;
    return inside(options.n ? '(?:' : `(?<u${(this.unnamed += 1)}>`);
  }

  private nameOf(name: string): string {
    if (/^\d+$/.test(name)) return `u${Number(name)}`;
    if (!this.named.includes(name)) this.named.push(name);
    return `n${name}`;
  }

  private charClass(): string {
    const negation = this.take(/\[\^?/)![0].slice(1);
    let members = '';
    while (members === '' || !this.take(/\]/)) {
      if (members !== '' && this.take(/-(?=\[)/)) {
        const without = this.charClass();
        if (!this.take(/\]/)) throw new Error('What is taken out of a class comes last in it.');
        return `[[${negation}${members}]--${without}]`;
      }
      members += this.member();
      // A range, unless the hyphen is the last, or begins what is taken out.
      if (this.take(/-(?![\][])/)) members += `-${this.member()}`;
    }
    return `[${negation}${members}]`;
  }

  private member(): string {
    const char = this.pattern[this.at];
    if (char === undefined) throw new Error('There is a ] missing.');
    if (char === '\\') return this.escape(true);
    this.at += 1;
    return literal(char);
  }

  private escape(isInClass = false): string {
    const category = this.take(/\\[pP]\{[A-Z][a-z]?\}/);
    if (category) return category[0];
    const code = this.take(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4}))/);
    if (code) return `\\u${(code[1] ?? code[2]!).padStart(4, '0')}`;
    const control = this.take(/\\c([A-Za-z])/);
    if (control) return literal(String.fromCharCode(control[1]!.charCodeAt(0) & 31));
    const octal = this.take(/\\(0[0-7]{0,2})/);
    if (octal) return literal(String.fromCharCode(parseInt(octal[1]!, 8)));
    const reference = isInClass ? undefined : this.take(/\\(?:k<(\w+)>|k'(\w+)'|([1-9]\d*))/u);
    if (reference) {
      const name = reference[1] ?? reference[2] ?? reference[3]!;
      return /^\d+$/.test(name) ? `\\k<u${Number(name)}>` : `\\k<n${name}>`;
    }
    const char = this.take(/\\(.)/)?.[1];
    if (char === undefined) throw new Error('It ends with a \\.');
    if (isInClass && char === 'b') return literal('\b');
    const meaning = CLASSES[char] ?? (isInClass ? undefined : ANCHORS[char]);
    if (meaning !== undefined) return meaning;
    if (char in CONTROLS) return literal(CONTROLS[char]!);
    if (/\w/.test(char)) throw new Error(`\\${char} means nothing.`);
    return literal(char);
  }
}

function changed(options: Options, [, on = '', off = '']: RegExpExecArray): Options {
  const result = { ...options };
  for (const letter of on) result[letter as keyof Options] = true;
  for (const letter of off) result[letter as keyof Options] = false;
  return result;
}

/** What begins a group in which case counts otherwise than outside; empty where it does not. */
function modifier(outside: Options, inside: Options): string {
  if (outside.i === inside.i) return '';
  return inside.i ? '(?i:' : '(?-i:';
}
