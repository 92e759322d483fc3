// node render.mjs FILE: reads a JSON list of Markdown pages; prints, for each, what a forge that sanitises would show: remark with
// GFM, raw HTML read by an HTML5 parser, then rehype-sanitize with GitHub's schema, which is its default.

import { readFileSync } from "node:fs";

import rehypeRaw from "rehype-raw";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

const forge = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw)
  .use(rehypeSanitize)
  .use(rehypeStringify);

const pages = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(JSON.stringify(pages.map((page) => String(forge.processSync(page)))));
