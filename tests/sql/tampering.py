#!/usr/bin/env python3
"""Each kind of tampering, each instance of it, by the SQL statements in sql/, and by `nymtrail verify` out of a database.

    tampering.py [FOLDER]        default: target/tmp/tampering, where `cargo test --test tampering` leaves its files

Loads all instances at once, each with chains of its own, and runs the statement of each database there is, without
checkpoints and with those of the receipts that the devices kept. What must be said of each chain is in the files. A test is
a class in a database, with or without checkpoints. Then `nymtrail verify` reads the same rows from where the database has them:
DuckDB writes them to Parquet, and PostgreSQL serves its table. Ends with "N passed, M failed".
"""

import collections
import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import verify_with_sql as sql

FILES = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else sql.ROOT / "target" / "tmp" / "tampering"
# The rest of the words are the same but for their capitals. A chain with receipts that has rows behind the last one is
# OK in SQL: the levels are not told apart.
VERDICTS = {"UNSIGNED": "holds", "OK": "holds"}
CHECKPOINTS = ["chain", "size", "head"]


def lines(name):
    for kind in ("tampered", "honest"):
        with open(FILES / kind / name) as file:
            yield from map(json.loads, file)


def found(names, records):
    """{chain: what the statement says of it}"""
    chains = (dict(zip(names, record)) for record in records)
    return {chain["chain_id"]: chain for chain in chains}


class DuckDB(sql.DuckDB):
    def load(self, table, columns):
        types = {name: "BIGINT" if name in ("seq", "t", "size") else "VARCHAR" for name in columns}
        files = [str(FILES / kind / f"{'rows' if table == 'events' else table}.ndjson") for kind in ("tampered", "honest")]
        self.db.execute(
            f"INSERT INTO {table} SELECT {', '.join(columns)} FROM"
            f" read_json({files}, format = 'newline_delimited', columns = {types})"
        )

    def source(self):
        """The rows as DuckDB writes them, packed with what it takes by itself, which is snappy, in no order."""
        path = pathlib.Path(self.directory) / "rows.parquet"
        self.db.execute(f"COPY (SELECT * FROM events ORDER BY hash(link)) TO '{path}'")
        return path

    def judge(self):
        result = self.db.execute(sql.statement("duckdb"))
        return found([column[0] for column in result.description], result.fetchall())


class PostgreSQL(sql.PostgreSQL):
    def load(self, table, columns):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL)
        for row in lines(f"{'rows' if table == 'events' else table}.ndjson"):
            writer.writerow([row.get(name, "\\N") for name in columns])
        self.psql(f"COPY {table} FROM STDIN (FORMAT csv, NULL '\\N')", text.getvalue())

    def source(self):
        return f"postgres://test@/postgres?host={self.dir}&table=public.events"

    def judge(self):
        return found(*(lambda names, *records: (names, records))(*self.psql(sql.statement("postgresql"))))


def word(expected):
    """What SQL says. It is given no checkpoint whose signature is bad; and of two that contradict each other it says that the
    rows are not what one of them signed, as it compares rows with checkpoints and not these with each other."""
    return {"forged": "holds", "forked": "rewritten"}.get(expected["verdict"], expected["verdict"])


def agrees(expected, chain):
    if expected["verdict"] is None:
        return chain is None
    if chain is None or VERDICTS.get(chain["verdict"], chain["verdict"].lower()) != word(expected):
        return False
    number = lambda name: None if chain[name] in (None, "") else int(chain[name])
    if expected["verdict"] == "tampered":
        count = {"no_genesis": "no_genesis", "gap": "gaps", "fork": "forks", "bad_link": "bad_link", "time_back": "time_back"}
        return number("first_bad") == expected["first_bad"] and number(count[expected["class"]]) > 0
    if expected["verdict"] == "truncated":
        return number("missing_tail") == expected["missing_tail"]
    return number("first_bad") is None


def by_program(source):
    """{chain: what `nymtrail verify` says of it}"""
    run = subprocess.run([sql.program(), "verify", source, "--format", "json"], capture_output=True, text=True)
    if run.returncode != 2:
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr}{run.stdout[:1000]}")
    return {chain["chain"]: chain for chain in json.loads(run.stdout)["chains"]}


def agrees_with_program(expected, chain):
    if expected["verdict"] is None:
        return chain is None
    names = ["verdict", "first_bad", "class"]
    return chain is not None and [chain[name] for name in names] == [expected.get(name) for name in names]


def main():
    sql.enter_environment()
    if not (FILES / "honest" / "expected.ndjson").is_file():
        sys.exit("There are no instances. Run: cargo test -p nymtrail-collector --test tampering")
    expected = list(lines("expected.ndjson"))
    classes = list(dict.fromkeys(chain["class"] for chain in expected))
    instances = len({(chain["class"], chain["instance"]) for chain in expected})
    engines = [DuckDB] + ([PostgreSQL] if PostgreSQL.programs() else [])
    passed = failed = 0
    for engine in engines:
        with tempfile.TemporaryDirectory() as directory:
            database = engine(directory)
            try:
                began = time.monotonic()
                database.load("events", sql.COLUMNS)
                homes = [
                    ("alone", "alone", database.judge, agrees),
                    ("read by nymtrail", "alone", lambda: by_program(database.source()), agrees_with_program),
                    ("receipted", "receipted", database.judge, agrees),
                ]
                for home, which, judge, agree in homes:
                    if which == "receipted":
                        database.load("checkpoints", CHECKPOINTS)
                    said = judge()
                    wrong = collections.defaultdict(list)
                    for chain in expected:
                        if not agree(chain[which], said.pop(chain["chain"], None)):
                            wrong[chain["class"]].append(chain)
                    for name in classes:
                        passed, failed = passed + (name not in wrong), failed + (name in wrong)
                    for name, chains in wrong.items():
                        print(f"  NOT  {engine.name}, {home}: {len(chains)} chains of '{name}', such as {chains[0]}")
                    if said:
                        failed += 1
                        print(f"  NOT  {engine.name}, {home}: {len(said)} chains that nobody made, such as {next(iter(said))}")
                took = time.monotonic() - began
                print(f"{engine.name}: {instances} instances of {len(classes)} classes, three times, in {took:.1f} s", flush=True)
            finally:
                database.close()
    skipped = 0 if PostgreSQL in engines else 3 * len(classes)
    if skipped:
        print("PostgreSQL is not asked: initdb is not installed.")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
