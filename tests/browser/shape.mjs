// SPDX-License-Identifier: MIT
// Whether a document has the shape that somebody else's TypeScript declarations give it: every member there, every type right.
// Understands what such declarations of plain data use: interfaces that extend, types of `A & B` and Omit<A, 'x'>, enums, string, number,
// boolean, null, T[], and objects written out.
import { readFileSync } from 'node:fs';

export function declarations(path) {
        const text = readFileSync(path, 'utf8'), known = {};
        for (const [, name, base, body] of text.matchAll(/^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}/gms))
                known[name] = { parts: base ? [base] : [], members: membersOf(body) };
        for (const [, name, definition] of text.matchAll(/^export type (\w+) = (.*?;)\n(?=export|$(?![^]))/gms)) {
                const written = /\{\n(.*?)\n\}/s.exec(definition);
                const rest = definition.replace(/\{\n.*?\n\}/s, '').replace(/;\s*$/, '');
                known[name] = { parts: rest.split(/[&|]/).map((part) => /(?:Omit<(\w+),|(\w+))/.exec(part)).filter(Boolean).map((m) => m[1] ?? m[2]),
                        members: written ? membersOf(`${written[1]}\n`) : {} };
        }
        for (const [, name, body] of text.matchAll(/^export declare enum (\w+) \{\n(.*?)^\}/gms))
                known[name] = { values: [...body.matchAll(/= "(.*?)"/g)].map((m) => m[1]) };
        return known;
}

function membersOf(body) {
        const members = {};
        for (const [, name, inner, plain] of body.matchAll(/^ {4}(\w+): (?:\{\n(.*?)^ {4}\}|(.*?));$/gms))
                members[name] = inner === undefined ? plain : { members: membersOf(inner.replace(/^ {4}/gm, '')), parts: [] };
        return members;
}

/** What is wrong, as lines; none: it has the shape. */
export function wrongIn(value, type, known, where = type) {
        if (typeof type === 'object')
                return wrongInObject(value, type, known, where);
        const choices = type.split('|').map((part) => part.trim());
        if (choices.length > 1)
                return choices.some((choice) => wrongIn(value, choice, known, where).length === 0) ? [] : [`${where} is ${JSON.stringify(value)}, not ${type}`];
        if (type.endsWith('[]'))
                return Array.isArray(value) ? value.flatMap((item, i) => wrongIn(item, type.slice(0, -2), known, `${where}[${i}]`)) : [`${where} is no list`];
        if (known[type]?.values)
                return known[type].values.includes(value) ? [] : [`${where} is ${JSON.stringify(value)}, not one of ${known[type].values}`];
        if (known[type])
                return wrongInObject(value, known[type], known, where);
        if (type === 'null' ? value === null : typeof value === type)
                return [];
        return [`${where} is ${JSON.stringify(value)}, not ${type}`];
}

/** Members of its own stand before those of what it is made of. */
export function membersAll(type, known) {
        return Object.assign({}, ...type.parts.map((part) => membersAll(known[part], known)), type.members);
}

function wrongInObject(value, type, known, where) {
        if (typeof value !== 'object' || value === null || Array.isArray(value))
                return [`${where} is no object`];
        return Object.entries(membersAll(type, known)).flatMap(([name, member]) => name in value ? wrongIn(value[name], member, known, `${where}.${name}`) : [`${where}.${name} is missing`]);
}
