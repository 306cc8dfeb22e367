# SPDX-License-Identifier: MIT
# page_shape.py FOLDER: FOLDER/0 is a status page of plain words, FOLDER/1 … others with the same documents and hostile words.
# They must be made of the same elements with the same attributes, but for links that are left out; feed and badge must be XML, JSON
# must be JSON, and nowhere may there be a character that hides something.
import html.parser
import json
import os
import re
import sys
import xml.dom.minidom

HIDDEN = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff'
                    '\U000e0000-\U000e007f]')
VOID = {'meta', 'link'}


class Shape(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.kinds, self.open, self.scripts = set(), [], 0

    def handle_starttag(self, tag, attributes):
        names = tuple(sorted(name for name, _ in attributes))
        for name, value in attributes:
            assert not name.startswith('on') and name != 'style', (tag, name)
            if name in ('href', 'src'):
                assert re.match(r'(https?://[^/]|(index|history)\.html|history\.atom|api/|badge\.svg|#|data:image/svg)', value), value
        self.kinds.add((tag, names))
        self.scripts += tag == 'script'
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_comment(self, data):
        raise AssertionError('a comment: ' + data)

    def unknown_decl(self, data):
        raise AssertionError(data)


def shape(text, scripts=1):
    s = Shape()
    s.feed(text)
    s.close()
    assert not s.open and s.scripts == scripts, (s.open, s.scripts)
    return s.kinds


def elements(path):
    found = set()

    def walk(node):
        if node.nodeType == node.ELEMENT_NODE:
            found.add((node.tagName, tuple(sorted(node.attributes.keys()))))
        assert node.nodeType in (node.ELEMENT_NODE, node.TEXT_NODE, node.DOCUMENT_NODE), node
        for child in node.childNodes:
            walk(child)
    walk(xml.dom.minidom.parse(path))
    return found


def read(path):
    with open(path, encoding='utf-8', newline='') as f:
        return f.read()


def strings(j):
    if isinstance(j, dict):
        return [s for k, v in j.items() for s in [k, *strings(v)]]
    return [s for v in j for s in strings(v)] if isinstance(j, list) else [j] if isinstance(j, str) else []


folder = sys.argv[1]
wanted = {}
for n in sorted((int(n) for n in os.listdir(folder) if n.isdigit())):
    at = f'{folder}/{n}'
    try:
        page = read(f'{at}/index.html')
        history = read(f'{at}/history.html')
        for name, got in [('html', shape(page)), ('history', shape(history, 0)), ('atom', elements(f'{at}/history.atom')), ('svg', elements(f'{at}/badge.svg'))]:
            more = got - wanted.setdefault(name, got)
            assert not more or {tag for tag, _ in more} <= {'link'}, (name, more)
        assert not HIDDEN.search(page + history), 'hidden in the page'
        assert 'alert(1)</script>' not in page + history
        assert not HIDDEN.search(read(f'{at}/history.atom')) and not HIDDEN.search(read(f'{at}/badge.svg'))
        for top, _, names in os.walk(at):
            for name in names:
                if name.endswith('.json'):
                    for s in strings(json.loads(read(f'{top}/{name}'))):
                        assert not HIDDEN.search(s), (name, s)
    except Exception as e:
        print(f'{at}: {type(e).__name__} {e}', file=sys.stderr)
        sys.exit(1)
