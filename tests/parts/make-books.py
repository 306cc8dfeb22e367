#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Books that nobody wrote, spread over shops, and which of them are the same work.

make-books.py make FOLDER [--books N] [--nodes N] [--seed N]
    writes FOLDER/node1.csv, node2.csv ... (the last two as JSON Lines), truth.json (which listing is of which work) and
    questions.json; the same bytes for the same seed.
make-books.py judge FOLDER URL [--questions N] [--least SHARE]
    asks the node at URL, and prints how well it found the listings of a work and put them together.

Shops write the same book differently: with and without subtitle, series and article, "Last, First", initials, no accents,
ISBN-10 or -13 or none or a wrong one. Different works share titles, authors and wrong ISBNs. Each listing has a price that no
other has, by which it is known again wherever it turns up.
"""
import argparse
import csv
import http.client
import json
import pathlib
import sys
import time
import unicodedata
import urllib.parse

MASK = (1 << 64) - 1


class Random:
    """splitmix64: the same numbers wherever it runs."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def chance(self, percent):
        return self.below(100) < percent

    def pick(self, things):
        return things[self.below(len(things))]

    def some(self, things, n):
        left = list(things)
        return sorted(left.pop(self.below(len(left))) for _ in range(n))


# Language, heads and vowels of syllables, articles that a title may lose.
SCRIPTS = {
    "en": ("b c d f g h l m n p r s t v w br ch dr gr pl sh st th tr", "a e i o u ea ai ou", ("The", "A")),
    "fr": ("b c d f g l m n p r s t v br ch gr pl", "a é è i o u ou ê", ("Le", "La")),
    "de": ("b d f g h k l m n r s t w sch st", "a ä e i o ö u ü ei", ("Der", "Die")),
    "ru": ("б в г д ж з к л м н п р с т ф х ч ш", "а е и о у ы я ю", ()),
    "el": ("β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ", "α ε η ι ο υ ω ά", ()),
    "he": ("א ב ג ד ה ו ז ח ט י כ ל מ נ ס ע", "ו י א ה", ()),
    "ja": ("東 京 山 川 海 空 星 月 花 鳥 風 雨 雪 春 夏 秋 冬 朝 夜 道", "の と は 物 語 記", ()),
}
WEIGHTS = ["en"] * 10 + ["fr", "fr", "de", "de", "ru", "ru", "el", "he", "ja"]
CATEGORIES = ["Fiction", "History", "Science", "Poetry", "Cooking", "Travel", "Children"]
DIGITS = {"USD": 100, "EUR": 100, "GBP": 100, "JPY": 1}


class Words:
    """The words of one language; common ones are met often."""

    def __init__(self, random, language):
        heads, vowels, self.articles = SCRIPTS[language]
        heads, vowels = heads.split(), vowels.split()
        self.random, self.joint = random, "" if language == "ja" else " "
        seen = {}
        while len(seen) < 900:
            word = "".join(random.pick(heads) + random.pick(vowels) for _ in range(2 + random.below(2)))
            seen[word[:1].upper() + word[1:]] = None
        self.words = list(seen)

    def word(self):
        u = self.random.below(1000) / 1000
        return self.words[int(u * u * len(self.words))]

    def phrase(self, n):
        return self.joint.join(self.word() for _ in range(n))


def check13(twelve):
    return str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(twelve)) % 10)


def check10(nine):
    rest = -sum(int(d) * (10 - i) for i, d in enumerate(nine)) % 11
    return "X" if rest == 10 else str(rest)


def plain(text):
    """Without accents, as a careless clerk types it."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


class Maker:
    def __init__(self, seed, nodes):
        self.random = Random(seed)
        self.nodes = nodes
        self.words = {language: Words(self.random, language) for language in SCRIPTS}
        self.authors = {language: [self.author(language) for _ in range(150)] for language in SCRIPTS}
        self.n_isbns = self.n_listings = 0
        self.titles = {}

    def author(self, language):
        words = self.words[language]
        if language in ("en", "de") and self.random.chance(20):
            return words.word()[:1] + ".", words.word()[:1] + ".", words.word() + words.word().lower()
        middle = words.word() if language in ("en", "de") and self.random.chance(40) else ""
        return words.word(), middle, words.word() + words.word().lower()

    def isbn(self):
        self.n_isbns += 1
        return "978%09d" % (self.n_isbns * 7919 % 10**9)

    def work(self, number):
        random = self.random
        if self.titles and random.chance(3):  # another author's book of the same title
            other = random.pick(list(self.titles.values()))
            language, title = other["language"], other["title"]
        else:
            language = random.pick(WEIGHTS)
            title = self.words[language].phrase(2 + random.below(3))
        author = random.pick(self.authors[language])
        key = (plain(title).casefold(), author[0][:1], author[2])
        if key in self.titles:
            return self.work(number)
        article = random.pick(self.words[language].articles) if self.words[language].articles and random.chance(30) else ""
        anonymous = random.chance(2)
        work = {
            "number": number, "language": language, "title": title, "author": author, "article": article,
            "anonymous": anonymous,
            "subtitle": self.words[language].phrase(3) if random.chance(20) else "",
            "series": f"{self.words[language].word()}, #{1 + random.below(9)}" if random.chance(20) else "",
            # Without an author only an ISBN tells that two listings are the same, so there is one edition.
            "isbns": [self.isbn() for _ in range(1 if anonymous or random.chance(75) else 2)],
            "category": random.pick(CATEGORIES), "year": 1850 + random.below(170),
            "popularity": 3000000 // (1 + random.below(30000)),
        }
        self.titles[key] = work
        return work

    def title_as_listed(self, work):
        random, title = self.random, work["title"]
        if work["article"] and random.chance(70):
            title = f"{work['article']} {title}"
        if work["subtitle"] and random.chance(60):
            title += random.pick([": ", " - "]) + work["subtitle"]
        if work["series"] and random.chance(60):
            title += f" ({work['series']})"
        how = random.below(10)
        if how == 0:
            title = title.upper()
        elif how == 1 and work["language"] in ("fr", "de", "el"):
            title = plain(title)
        elif how == 2:
            title = f" {title} ".replace(" ", "  ")
        return title

    def author_as_listed(self, work):
        first, middle, last = work["author"]
        how = self.random.below(5)
        if work["anonymous"]:
            return ""
        if how == 0:
            return f"{last}, {first} {middle}".strip()
        if how == 1 and work["language"] in ("fr", "de", "el"):
            first, middle, last = plain(first), plain(middle), plain(last)
        if how == 2 and first.endswith("."):
            return f"{first}{middle} {last}"  # J.R. instead of J. R.
        return " ".join(part for part in (first, middle, last) if part)

    def isbn_as_listed(self, work):
        random, twelve = self.random, self.random.pick(work["isbns"])
        how = 9 if work["anonymous"] else random.below(10)
        if how == 0:
            return ""
        if how == 1:  # a wrong one, which many works share
            return random.pick(["9780000000001", "N/A", "1234567890123", "978-0-00-000000-1", "12345678901",
                                "0000000000", "123456789X", "9780000000002"])
        if how <= 4:
            return twelve[3:] + check10(twelve[3:])
        whole = twelve + check13(twelve)
        if how <= 6:
            return f"{whole[:3]}-{whole[3]}-{whole[4:8]}-{whole[8:12]}-{whole[12]}"
        return whole

    def listing(self, work, node):
        self.n_listings += 1
        currency = ["USD", "USD", "EUR", "USD", "GBP", "JPY", "USD", "EUR"][(node - 1) % 8]
        minor = 100 + self.n_listings
        digits = DIGITS[currency]
        return {
            "id": f"b{self.n_listings}" if node % 2 else str(self.n_listings),
            "title": self.title_as_listed(work), "author": self.author_as_listed(work),
            "isbn": self.isbn_as_listed(work), "category": work["category"], "language": work["language"],
            "year": str(work["year"]), "price": f"{minor // 100}.{minor % 100:02}" if digits == 100 else str(minor),
            "currency": currency, "popularity": str(work["popularity"]), "price_minor": minor,
        }

    def spread(self, n_books):
        """Works until so many books are listed: [(work, node, listing)]."""
        listings, number = [], 0
        while len(listings) < n_books:
            number += 1
            work = self.work(number)
            u = self.random.below(100)
            shops = 1 if u < 50 else 2 if u < 72 else 3 if u < 84 else min(self.nodes, 4 + self.random.below(5))
            for node in self.random.some(range(1, self.nodes + 1), min(shops, self.nodes)):
                if len(listings) < n_books:
                    listings.append((work, node, self.listing(work, node)))
        return listings


CSV_COLUMNS = ["id", "title", "author", "isbn", "category", "language", "year", "price", "currency", "popularity"]


def shop_write(folder, node, nodes, rows):
    if node > nodes - 2:
        with open(folder / f"node{node}.jsonl", "w", encoding="utf-8") as f:
            for row in rows:
                row = {"book_id": row["id"], "authors": row["author"], **{k: row[k] for k in CSV_COLUMNS
                       if k not in ("id", "author", "price")}, "price_minor": row["price_minor"]}
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    with open(folder / f"node{node}.csv", "w", encoding="utf-8", newline="") as f:
        table = csv.DictWriter(f, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def make(arguments):
    folder = pathlib.Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    listings = Maker(arguments.seed, arguments.nodes).spread(arguments.books)
    for node in range(1, arguments.nodes + 1):
        shop_write(folder, node, arguments.nodes, [row for _, at, row in listings if at == node])
    works = {}
    for work, node, row in listings:
        works.setdefault(work["number"], (work, []))[1].append(row["price_minor"])
    truth = {row["price_minor"]: {"work": work["number"], "node": node, "id": row["id"]} for work, node, row in listings}
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    # What many shops sell, what is written unlike, what shares its title: asked for by title and author.
    questions = []
    for number, (work, prices) in works.items():
        if len(prices) >= 3 or number % 23 == 0:
            questions.append({"work": number, "q": work["title"] + ("" if work["anonymous"] else " " + work["author"][2]),
                              "prices": prices})
    (folder / "questions.json").write_text("\n".join(json.dumps(q, ensure_ascii=False) for q in questions) + "\n",
                                           encoding="utf-8")
    print(f"{len(listings)} books, {len(works)} works, {len(questions)} questions")


class Judgement:
    def __init__(self, truth):
        self.truth = truth
        self.together = self.right = self.should = self.found = self.listed = self.first = self.asked = 0
        self.examples = []

    def add(self, wanted, answer):
        clusters = [[seller["price_minor"] for seller in result["sellers"]] for result in answer["results"]]
        place = {price: i for i, prices in enumerate(clusters) for price in prices}
        met = sorted(place)
        for i, a in enumerate(met):
            for b in met[i + 1:]:
                same, together = self.truth[a] == self.truth[b], place[a] == place[b]
                self.should += same
                self.together += together
                self.right += same and together
                if same != together:
                    self.examples.append(f"{'kept apart' if same else 'put together'}: {a} {b}")
        self.asked += 1
        self.listed += len(wanted)
        self.found += len(wanted & set(met))
        self.first += bool(clusters) and bool(wanted & set(clusters[0]))
        self.examples += [f"not found: {price}" for price in wanted - set(met)]

    def shares(self):
        return {"precision": self.right / max(self.together, 1), "recall": self.right / max(self.should, 1),
                "found": self.found / max(self.listed, 1), "first": self.first / max(self.asked, 1)}


def judge(arguments):
    folder = pathlib.Path(arguments.folder)
    truth = {int(k): v["work"] for k, v in json.loads((folder / "truth.json").read_text()).items()}
    questions = [json.loads(line) for line in (folder / "questions.json").read_text().splitlines()]
    step = max(1, len(questions) // arguments.questions)
    judgement, took = Judgement(truth), []
    node = http.client.HTTPConnection(urllib.parse.urlsplit(arguments.url).netloc, timeout=20)
    for question in questions[::step][:arguments.questions]:
        for _ in range(20):  # who answers in a millisecond has a tenth of a second to do so, and may miss it on a busy machine
            began = time.monotonic()
            node.request("GET", "/api/network/search?limit=50&q=" + urllib.parse.quote(question["q"]))
            answer = json.loads(node.getresponse().read())
            if answer["complete"]:
                break
            time.sleep(0.5)
        took.append(time.monotonic() - began)
        if not answer["complete"]:
            print("not complete:", answer["peers"])
            return 1
        judgement.add(set(question["prices"]), answer)
    took.sort()
    shares = judgement.shares()
    print(f"{judgement.asked} questions, {took[len(took) // 2] * 1000:.1f} ms p50, {took[-1] * 1000:.0f} ms at most:",
          f"{judgement.found} of {judgement.listed} listings found, {judgement.first} works first;",
          f"{judgement.right} pairs put together rightly, precision {shares['precision']:.4f}, recall {shares['recall']:.4f}")
    for example in judgement.examples[:10]:
        print(" ", example)
    return 0 if min(shares.values()) >= arguments.least else 1


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("make")
    verb.add_argument("folder")
    verb.add_argument("--books", type=int, default=6000)
    verb.add_argument("--nodes", type=int, default=8)
    verb.add_argument("--seed", type=int, default=1)
    verb.set_defaults(run=make)
    verb = verbs.add_parser("judge")
    verb.add_argument("folder")
    verb.add_argument("url")
    verb.add_argument("--least", type=float, default=0.98)
    verb.add_argument("--questions", type=int, default=200)
    verb.set_defaults(run=judge)
    arguments = parser.parse_args()
    return arguments.run(arguments)


sys.exit(main())
