import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

// Paths are absolute because the commands run from the repository's root, where the one
// package.json is: the adapter reads it to know what stays outside of the bundle.
export default defineConfig({
  root: import.meta.dirname,
  server: {
    // `npm run dev` says where the edge is: the APIs answer on the pages' own origin, as everywhere.
    proxy: process.env.CLOUDFRONT_ENDPOINT ? { '/api': process.env.CLOUDFRONT_ENDPOINT } : {},
    fs: { allow: [`${import.meta.dirname}/../domain`, `${import.meta.dirname}/../wording`] },
  },
  environments: {
    client: {
      build: {
        rolldownOptions: {
          // What most pages need comes as one file instead of a dozen tiny ones: half the requests
          // of a first visit, and a little smaller, since it is compressed together.
          output: {
            codeSplitting: { groups: [{ name: 'shared', test: /src\/lib/, minShareCount: 3 }] },
          },
        },
      },
    },
  },
  plugins: [
    sveltekit({
      adapter: adapter({ out: `${import.meta.dirname}/build` }),
      csp: {
        // Hashes, not nonces: the same HTML is kept at the edge and served to everybody.
        mode: 'hash',
        directives: {
          'default-src': ['self'],
          'script-src': ['self'],
          'style-src': ['self'],
          // Sizes and tints that a component is given stand in the HTML as attributes.
          'style-src-attr': ['unsafe-inline'],
          'img-src': ['self', 'data:'],
          'object-src': ['none'],
          'base-uri': ['none'],
          'form-action': ['self'],
          'frame-ancestors': ['none'],
        },
      },
    }),
  ],
});
