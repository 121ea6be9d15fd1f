"""Small files that are wrong on purpose, made here: what each of them must do when it is loaded."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

LOAD, PARTLY, REFUSE = "load", "partly", "refuse"
CUSTOMERS = tuple(f"c{n}" for n in range(1, 9))
PRODUCTS = tuple(f"p{n}" for n in range(1, 5))
HEADER = "customer,product,quantity,price,at\n"


@dataclass(frozen=True)
class BadFile:
    """A file, what it holds, and what must come of it: ``good`` rows accepted, ``bad`` lines named."""

    name: str
    kind: str
    content: bytes
    must: str
    good: frozenset[int]
    bad: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


def rows(count: int = 8) -> list[str]:
    """Good purchases, no two alike."""
    return [
        f"{CUSTOMERS[n % 8]},{PRODUCTS[n % 4]},{n % 3 + 1},{n}.50,2024-01-{n % 28 + 1:02}T00:00:{n % 60:02}Z\n"
        for n in range(count)
    ]


def with_line(number: int, line: str | bytes) -> bytes:
    """Eight good purchases, one of which gives way to a bad line (the header is line 1)."""
    lines = [HEADER.encode(), *(row.encode() for row in rows())]
    lines[number - 1] = line if isinstance(line, bytes) else line.encode()
    return b"".join(lines)


GOOD_CUSTOMERS = ("id\n" + "".join(f"{id}\n" for id in CUSTOMERS)).encode()
GOOD_PRODUCTS = ("id,name,price\n" + "".join(f"{id},Name of {id},9.99\n" for id in PRODUCTS)).encode()
GOOD_PURCHASES = (HEADER + "".join(rows())).encode()


def parquet(columns: dict[str, object], **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def _purchase_columns(count: int = 500) -> dict[str, object]:
    names = ("customer", "product", "quantity", "price", "at")
    return dict(zip(names, map(list, zip(*(row.strip().split(",") for row in rows(count)), strict=True)), strict=True))


def _flipped(data: bytes, places: range) -> bytes:
    broken = bytearray(data)
    for at in places:
        broken[at] ^= 0xFF
    return bytes(broken)


def purchases(
    name: str, content: bytes | str, must: str, good: int | tuple[int, ...] = 0, bad: tuple[int, ...] = ()
) -> BadFile:
    data = content if isinstance(content, bytes) else content.encode()
    return BadFile(name, "purchases", data, must, frozenset((good,) if isinstance(good, int) else good), bad)


def bad_row(name: str, line: str | bytes) -> BadFile:
    """One bad line among good ones: it is named, the others load."""
    return purchases(f"{name[:30]}.csv", with_line(5, line), PARTLY, 7, (5,))


_PARQUET = parquet(_purchase_columns(), compression="none", write_page_checksum=True)

ROWS = [
    bad_row("nul", "c1\0x,p1,1,1.00,2024-01-01\n"),
    bad_row("latin1", b"c1,p1,1,1.00,2024-01-01\xf6\n"),
    bad_row("cut-utf8", b"c1,p\xe3\x82,1,1.00,2024-01-01\n"),
    bad_row("utf8-surrogate", b"c1,p\xed\xa0\x80,1,1.00,2024-01-01\n"),
    bad_row("overlong-utf8", b"c1,p\xc0\xaf,1,1.00,2024-01-01\n"),
    bad_row("no-break-space-id", "c1\u00a0,p1,1,1.00,2024-01-01\n"),
    bad_row("zero-width-id", "c1\u200b,p1,1,1.00,2024-01-01\n"),
    bad_row("direction-override-id", "\u202ec1,p1,1,1.00,2024-01-01\n"),
    bad_row("quote-then-text", '"c1"x,p1,1,1.00,2024-01-01\n'),
    bad_row("quote-never-closed", 'c1,"p1,1,1.00,2024-01-01\n'),
    bad_row("quote-at-line-end", 'c1,p1,1,1.00,"\n'),
    bad_row("three-quotes", '"""c1,p1,1,1.00,2024-01-01\n'),
    bad_row("too-few-cells", "c1,p1\n"),
    bad_row("too-many-cells", "c1,p1,1,1.00,2024-01-01,,\n"),
    bad_row("only-commas", ",,,,\n"),
    bad_row("only-spaces", "   \n"),
    bad_row("long-id", "c" * 257 + ",p1,1,1.00,2024-01-01\n"),
    bad_row("id-of-200-kb", "c" * 200_000 + ",p1,1,1.00,2024-01-01\n"),
    bad_row("id-of-2-mb", "c" * 2_000_000 + ",p1,1,1.00,2024-01-01\n"),
    bad_row("quoted-id-of-200-kb", '"' + "c" * 200_000 + '",p1,1,1.00,2024-01-01\n'),
    *(
        bad_row(f"quantity {text!r}", f"c1,p1,{text},1.00,2024-01-01\n")
        for text in ("0", "-1", "+1", "1.5", "1e1", "1_0", "\uff11", "")
    ),
    *(
        bad_row(f"quantity {text!r}", f"c1,p1,{text},1.00,2024-01-01\n")
        for text in ("1000001", "9" * 5000, " 1", "NaN", "true")
    ),
    *(
        bad_row(f"price {text!r}", f"c1,p1,1,{text},2024-01-01\n")
        for text in ("nan", "-0.01", "-0", "1e3", "1_0", "1.005", "\u0663")
    ),
    *(
        bad_row(f"price {text!r}", f"c1,p1,1,{text},2024-01-01\n")
        for text in ("0x10", "1,5", ".5", "5.", "1 000", "9" * 14, "9" * 9999)
    ),
    *(
        bad_row(f"at {text!r}", f"c1,p1,1,1.00,{text}\n")
        for text in ("0000-01-01", "1969-12-31", "2024-02-30", "2024-1-1", "now")
    ),
    *(
        bad_row(f"at {text!r}", f"c1,p1,1,1.00,{text}\n")
        for text in ("1704067200", "2024-01-01T24:00", "2024-W01-1", "20240101")
    ),
    *(
        bad_row(f"at {text!r}", f"c1,p1,1,1.00,{text}\n")
        for text in ("2024-01-01T10:00+25:00", "2024-01-01T10", "99999-01-01", "\uff12024-01-01")
    ),
]

FILES = [
    purchases("empty.csv", "", REFUSE),
    purchases("only-line-ends.csv", "\n\r\n\r\n", REFUSE),
    purchases("header-only.csv", HEADER, LOAD),
    purchases("header-without-line-end.csv", HEADER.strip(), LOAD),
    purchases("last-line-without-end.csv", GOOD_PURCHASES.rstrip(), LOAD, 8),
    purchases("carriage-returns.csv", GOOD_PURCHASES.replace(b"\n", b"\r"), LOAD, 8),
    purchases("dos.csv", GOOD_PURCHASES.replace(b"\n", b"\r\n"), LOAD, 8),
    purchases("byte-order-mark.csv", b"\xef\xbb\xbf" + GOOD_PURCHASES, LOAD, 8),
    purchases("quoted-header.csv", GOOD_PURCHASES.replace(b"customer", b'"customer"'), LOAD, 8),
    purchases("tabs.tsv", GOOD_PURCHASES.replace(b",", b"\t"), LOAD, 8),
    purchases("semicolons.csv", GOOD_PURCHASES.replace(b",", b";"), LOAD, 8),
    purchases("utf16.csv", GOOD_PURCHASES.decode().encode("utf-16"), REFUSE),
    purchases("utf16-without-mark.csv", GOOD_PURCHASES.decode().encode("utf-16-le"), REFUSE),
    purchases("utf32.csv", GOOD_PURCHASES.decode().encode("utf-32"), REFUSE),
    purchases("blank-lines.csv", GOOD_PURCHASES.replace(b"\n", b"\n\n\r\n"), LOAD, 8),
    purchases("no-header.csv", "".join(rows()), REFUSE, 0, (1,)),
    purchases("header-below-blank-lines.csv", "\n\nfoo,bar\n1,2\n", REFUSE, 0, (3,)),
    purchases("header-twice.csv", HEADER + HEADER + "".join(rows()), PARTLY, 8, (2,)),
    purchases("same-column-twice.csv", HEADER.replace("price", "product") + "".join(rows()), REFUSE, 0, (1,)),
    purchases("header-of-100-000-columns.csv", HEADER.strip() + ",x" * 100_000 + "\n", REFUSE, 0, (1,)),
    purchases("header-of-3-mb.csv", "x" * 3_000_000 + "\n" + "".join(rows()), REFUSE, 0, (1,)),
    purchases("header-is-no-utf8.csv", b"\xff" + GOOD_PURCHASES, REFUSE, 0, (1,)),
    purchases("header-in-an-open-quote.csv", b'"' + GOOD_PURCHASES, REFUSE, 0, (1,)),
    purchases("capital-header.csv", GOOD_PURCHASES.replace(b"customer", b"CUSTOMER"), REFUSE, 0, (1,)),
    purchases("escape-in-header.csv", b"\x1b[2Jfoo,bar\n1,2\n", REFUSE, 0, (1,)),
    purchases("garbage.csv", bytes(n * 37 % 256 for n in range(5000)), REFUSE),
    purchases("nothing-but-nul.csv", bytes(100_000), REFUSE),
    purchases("zip.csv", b"PK\x03\x04" + bytes(100), REFUSE),
    purchases("parquet.csv", _PARQUET, REFUSE),
    purchases("purchases.xlsx", b"PK\x03\x04" + bytes(100), REFUSE),
    purchases("purchases", GOOD_PURCHASES, REFUSE),
    purchases(
        "quotes-that-close-much-later.csv",
        with_line(5, '"c1,p1,1,1.00,2024-01-01\n') + b'"c2",p1,1,1.00,2024-01-09\n',
        PARTLY,
        8,
        (5,),
    ),
    purchases(
        "open-quote-before-70-kb.csv", HEADER + '"c1,p1,1,1,2024-01-01\n' + "".join(rows(1500)), PARTLY, 1500, (2,)
    ),
    purchases("every-line-an-open-quote.csv", HEADER + '"c1,p1\n' * 5000, PARTLY, 0, tuple(range(2, 5002))),
    purchases("a-line-of-10-mb.csv", HEADER + "c" * 10_000_000, REFUSE, 0, (2,)),
    purchases("gzip-bomb-of-blank-lines.csv.gz", gzip.compress(GOOD_PURCHASES + b"\n" * 10_000_000), LOAD, 8),
    purchases("gzip-bomb-of-one-line.csv.gz", gzip.compress(HEADER.encode() + b"c" * 10_000_000), REFUSE, 0, (2,)),
    purchases(
        "gzip-bomb-of-200-mb.csv.gz", gzip.compress(GOOD_PURCHASES) + gzip.compress(b"\n" * 10_000_000) * 20, REFUSE
    ),
    purchases("cut.csv.gz", gzip.compress("".join([HEADER, *rows(400)]).encode())[:-20], REFUSE),
    purchases(
        "flipped.csv.gz", _flipped(gzip.compress("".join([HEADER, *rows(400)]).encode()), range(900, 910)), REFUSE
    ),
    purchases("wrong-sum.csv.gz", gzip.compress(GOOD_PURCHASES)[:-8] + bytes(8), REFUSE),
    purchases("garbage-behind.csv.gz", gzip.compress(GOOD_PURCHASES) + b"garbage", REFUSE),
    purchases("two-members.csv.gz", gzip.compress(GOOD_PURCHASES[:100]) + gzip.compress(GOOD_PURCHASES[100:]), LOAD, 8),
    purchases("not-packed.csv.gz", GOOD_PURCHASES, LOAD, 8),
    purchases("packed.csv", gzip.compress(GOOD_PURCHASES), LOAD, 8),
    purchases("packed-nothing.csv.gz", gzip.compress(b""), REFUSE),
    purchases("two-bytes.csv.gz", b"\x1f\x8b", REFUSE),
]

_GOOD_JSON = [
    json.dumps(dict(zip(HEADER.strip().split(","), row.strip().split(","), strict=True))).encode() + b"\n"
    for row in rows()
]


def bad_json(name: str, line: bytes) -> BadFile:
    return purchases(f"{name}.jsonl", b"".join([*_GOOD_JSON[:4], line + b"\n", *_GOOD_JSON[5:]]), PARTLY, 7, (5,))


JSON_FILES = [
    bad_json("not-json", b'{"customer": c1}'),
    bad_json("an-array", b'["c1", "p1"]'),
    bad_json("null", b"null"),
    bad_json("two-objects", _GOOD_JSON[0].strip() * 2),
    bad_json("key-twice", b'{"customer": "c1", "customer": "c2", "product": "p1"}'),
    bad_json("number-as-id", b'{"customer": 1, "product": "p1"}'),
    bad_json("list-as-id", b'{"customer": ["c1"], "product": "p1"}'),
    bad_json("object-as-price", b'{"customer": "c1", "product": "p1", "price": {"a": 1}}'),
    bad_json("no-product", b'{"customer": "c1"}'),
    bad_json("null-product", b'{"customer": "c1", "product": null}'),
    bad_json("half-a-pair", rb'{"customer": "c1\ud800", "product": "p1"}'),
    bad_json("escaped-nul", rb'{"customer": "c1\u0000", "product": "p1"}'),
    bad_json("nan", b'{"customer": "c1", "product": "p1", "price": NaN}'),
    bad_json("endless-price", b'{"customer": "c1", "product": "p1", "price": 1e999}'),
    bad_json("true-quantity", b'{"customer": "c1", "product": "p1", "quantity": true}'),
    bad_json("half-quantity", b'{"customer": "c1", "product": "p1", "quantity": 1.5}'),
    bad_json("many-digits", b'{"customer": "c1", "product": "p1", "price": ' + b"9" * 5000 + b"}"),
    bad_json("time-as-number", b'{"customer": "c1", "product": "p1", "at": 1704067200}'),
    bad_json("nested-deep", b'{"customer": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    bad_json("latin1", b'{"customer": "\xf6", "product": "p1"}'),
    bad_json("line-of-2-mb", b'{"customer": "' + b"c" * 2_000_000 + b'"}'),
    purchases("array.jsonl", b"[\n" + b",\n".join(_GOOD_JSON) + b"]\n", REFUSE),
    purchases("empty.jsonl", b"", REFUSE),
    purchases("blank-lines.ndjson", b"\n \r\n".join(_GOOD_JSON), LOAD, 8),
    purchases("mark.jsonl", b"\xef\xbb\xbf" + b"".join(_GOOD_JSON), LOAD, 8),
    purchases("utf16.jsonl", b"".join(_GOOD_JSON).decode().encode("utf-16"), REFUSE),
]


def _bomb(ids: list[str]) -> bytes:
    return parquet({"customer": ids, "product": ids}, compression="zstd", row_group_size=1 << 21)


_TWO = {"customer": ["c1", "c2"], "product": ["p1", "p2"]}

PARQUET_FILES = [
    purchases("good.parquet", _PARQUET, LOAD, 500),
    purchases("cut.parquet", _PARQUET[:-100], REFUSE),
    purchases("cut-in-front.parquet", _PARQUET[100:], REFUSE),
    purchases("flipped-page.parquet", _flipped(_PARQUET, range(400, 420)), REFUSE),
    purchases("flipped-footer.parquet", _flipped(_PARQUET, range(len(_PARQUET) - 200, len(_PARQUET) - 150)), REFUSE),
    purchases("text.parquet", GOOD_PURCHASES, REFUSE),
    purchases("four-bytes.parquet", b"PAR1", REFUSE),
    purchases("lists.parquet", parquet({"customer": [["c1"]], "product": ["p1"]}), REFUSE),
    purchases("bytes.parquet", parquet(_TWO | {"at": [b"2024-01-01", b"\xff"]}), REFUSE),
    purchases("no-product.parquet", parquet({"customer": ["c1"]}), REFUSE),
    purchases(
        "no-rows.parquet", parquet({"customer": pa.array([], "string"), "product": pa.array([], "string")}), LOAD
    ),
    purchases("null-id.parquet", parquet({"customer": ["c1", None], "product": ["p1", "p2"]}), PARTLY, 1, (2,)),
    purchases("null-time.parquet", parquet(_TWO | {"at": pa.array([0, None], pa.timestamp("ns"))}), PARTLY, 1, (2,)),
    purchases("far-time.parquet", parquet(_TWO | {"at": pa.array([0, 2**62], pa.timestamp("us"))}), PARTLY, 1, (2,)),
    purchases("endless-price.parquet", parquet(_TWO | {"price": [float("inf"), 1.0]}), PARTLY, 1, (1,)),
    purchases("float-id.parquet", parquet({"customer": [1.0, 2.0], "product": ["p1", "p2"]}), PARTLY, 0, (1, 2)),
    purchases("text-quantity.parquet", parquet(_TWO | {"quantity": ["2", "two"]}), PARTLY, 1, (2,)),
    purchases("rows-without-end.parquet", _bomb(["c1"] * 1_500_000), REFUSE),
    purchases("unpacks-to-60-mb.parquet", _bomb([f"{n}{'c' * 2_000_000}" for n in range(30)]), REFUSE),
    purchases(
        "damaged-description.parquet", _flipped(_PARQUET, range(len(_PARQUET) - 700, len(_PARQUET) - 690)), REFUSE
    ),
    purchases("packed.parquet.gz", gzip.compress(_PARQUET), LOAD, 500),
]

FRIENDS = [
    BadFile(
        "friends.csv",
        "friends",
        b"customer,friend\nc1,c2\nc2,c1\nc3,c3\n,c1\nc1,nobody\n",
        PARTLY,
        frozenset({2}),
        (4, 5, 6),
    ),
]

ALL = [*ROWS, *FILES, *JSON_FILES, *PARQUET_FILES, *FRIENDS]
