#!/usr/bin/env python3
"""The same verdict from `nymtrail verify` and from the SQL statements in sql/.

    verify_with_sql.py [EXPORT.ndjson]        default: build/browser-export.ndjson

Takes an export of an intact store, does to copies of it what honest systems do (send twice, erase) and what others do
(edit, delete, insert, reorder one row), and compares verdict, first bad seq and all counts between the command line
and every database there is: DuckDB from PyPI (in a virtual environment under build/), PostgreSQL if `initdb` is
installed, ClickHouse if `chdb` is in that environment.

NYMTRAIL_BIN names the program; without it, the newest one in target/ is taken. Ends with "N passed, M failed".
"""

import csv
import glob
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / "build" / "sql-venv"
REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
COLUMNS = ["chain", "seq", "t", "gprev", "salt", "body", "bc", "link"]
# What both sides report of a chain. SQL's names come last where they differ.
COUNTS = ["rows", "erased", "half_erased", "bad_link", "no_genesis", "gaps", "forks", "time_back", "first_bad"]
VERDICTS = {"UNSIGNED": "holds", "TAMPERED": "tampered"}  # no checkpoints yet, so no chain can be 'OK'


def enter_environment():
    """Goes on inside the virtual environment, which is made or brought up to date first."""
    python = VENV / "bin" / "python"
    stamp = VENV / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"Setting up {VENV.relative_to(ROOT)}: {wanted.strip()}", flush=True)
        steps = [[sys.executable, "-m", "venv", VENV], [python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]]
        for step in steps:
            if subprocess.run(step).returncode != 0:
                sys.exit(f"That failed. It needs Python's venv module and PyPI (step: {' '.join(map(str, step[1:4]))}).")
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix) != VENV:
        os.execv(python, [python, *sys.argv])


# ---- rows -----------------------------------------------------------------------------------------------------------


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def commitment(row):
    return sha256(f"b1|{row['salt']}|{row['body']}") if "body" in row else row["bc"]


def link(row, prev):
    return sha256(f"\0e1|{row['seq']}|{row['t']}|{prev}|{commitment(row)}")


def cases(rows):
    """What is done to the longest chain: (name, rows, its id, expected verdict, expected first bad seq)."""
    lengths = {}
    for row in rows:
        lengths[row["chain"]] = lengths.get(row["chain"], 0) + 1
    chain = max(lengths, key=lengths.get)
    at = {row["seq"]: place for place, row in enumerate(rows) if row["chain"] == chain}
    seq = len(at) // 2
    if seq < 2 or sorted(at) != list(range(len(at))):
        sys.exit("The export needs a whole chain of at least 4 rows.")
    target, before = rows[at[seq]], rows[at[seq - 1]]
    if "body" not in target:
        sys.exit("The row in the middle of the longest chain is erased; the test needs its body.")

    def changed(changes):
        return [{**row, **changes.get(place, {})} for place, row in enumerate(rows)]

    erased = {column: value for column, value in target.items() if column not in ("body", "salt")}
    erased["bc"] = commitment(target)
    inserted = {"chain": chain, "seq": seq, "t": target["t"], "salt": "0" * 32, "body": '{"n":"inserted"}'}
    inserted["link"] = link(inserted, before["link"])
    swapped = {at[seq]: {"seq": seq + 1}, at[seq + 1]: {"seq": seq}}
    edited = target["body"][:-1] + ',"z":1}'
    # Nothing in what is hashed says where the salt ends, so this link is right; the length of the salt gives it away.
    moved = {"salt": target["salt"] + "|" + target["body"][:5], "body": target["body"][5:]}
    moved["link"] = link({**target, **moved}, before["link"])
    renamed = {place: {"chain": "0" * 64} for place in at.values()}
    return [
        ("intact", rows, chain, "holds", None),
        ("a row sent twice", rows + [dict(target)], chain, "holds", None),
        ("sent whole and erased", rows + [erased], chain, "holds", None),
        ("a row erased", [erased if row is target else row for row in rows], chain, "holds", None),
        ("edit", changed({at[seq]: {"body": edited}}), chain, "tampered", seq),
        ("delete", [row for row in rows if row is not target], chain, "tampered", seq + 1),
        ("insert", rows + [inserted], chain, "tampered", seq),
        ("reorder", changed(swapped), chain, "tampered", seq),
        ("move from body to salt", changed({at[seq]: moved}), chain, "tampered", seq),
        ("another id for the chain", changed(renamed), "0" * 64, "tampered", 0),
    ]


# ---- verifiers: each maps a list of rows to {chain: {"verdict": ..., **counts}} -----------------------------------------


def program():
    if "NYMTRAIL_BIN" in os.environ:
        return os.environ["NYMTRAIL_BIN"]
    built = [path for kind in ("release", "debug") if (path := ROOT / "target" / kind / "nymtrail").is_file()]
    if not built:
        sys.exit("The program is not built. Run: cargo build -p nymtrail-collector")
    return max(built, key=lambda path: path.stat().st_mtime)


class CommandLine:
    name = "nymtrail"

    def __init__(self, directory):
        self.program = program()

    def verify(self, rows, path):
        run = subprocess.run([self.program, "verify", path, "--format", "json"], capture_output=True, text=True)
        answer = json.loads(run.stdout) if run.stdout else {}
        if "chains" not in answer:
            raise RuntimeError(run.stderr or run.stdout)
        expected = 0 if answer["verdict"] == "holds" else 2
        if run.returncode != expected:
            raise RuntimeError(f"exit code {run.returncode} with the verdict {answer['verdict']}")
        return {chain["chain"]: {name: chain[name] for name in ["verdict", *COUNTS]} for chain in answer["chains"]}

    def close(self):
        pass


def statement(engine):
    return (ROOT / "sql" / f"{engine}.sql").read_text()


def verdicts(names, records):
    found = {}
    for record in records:
        chain = dict(zip(names, record))
        counts = {name: chain["n" if name == "rows" else name] for name in COUNTS}
        counts = {name: None if value in (None, "") else int(value) for name, value in counts.items()}
        found[chain["chain_id"]] = {"verdict": VERDICTS.get(chain["verdict"], chain["verdict"]), **counts}
    return found


TABLES = """
CREATE TABLE events(chain text, seq bigint, t bigint, gprev text, salt text, body text, bc text, link text);
CREATE TABLE checkpoints(chain text, size bigint, head text);
"""


class DuckDB:
    name = "DuckDB"

    def __init__(self, directory):
        import duckdb

        self.directory = directory
        self.db = duckdb.connect()
        self.db.execute(TABLES)

    def verify(self, rows, path):
        types = {name: "BIGINT" if name in ("seq", "t") else "VARCHAR" for name in COLUMNS}
        self.db.execute("DELETE FROM events")
        self.db.execute(
            f"INSERT INTO events SELECT {', '.join(COLUMNS)} FROM"
            f" read_json(?, format = 'newline_delimited', columns = {types})",
            [str(path)],
        )
        result = self.db.execute(statement("duckdb"))
        return verdicts([column[0] for column in result.description], result.fetchall())

    def close(self):
        self.db.close()


class PostgreSQL:
    name = "PostgreSQL"

    def __init__(self, directory):
        self.bin = self.programs()
        # PostgreSQL does not run as root, so a server started by root runs as another user.
        user = next((name for name in ("postgres", "nobody") if exists(name)), None) if os.geteuid() == 0 else None
        self.dir = pathlib.Path(directory) / "postgresql"
        self.dir.mkdir()
        if user:
            os.chmod(directory, 0o711)
            shutil.chown(self.dir, user)
        self.as_user = {"user": user, "cwd": self.dir} if user else {"cwd": self.dir}
        quiet = "-c listen_addresses= -c fsync=off -c unix_socket_directories=" + str(self.dir)
        self.run("initdb", "-D", "data", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", quiet)
        self.psql(TABLES)

    @staticmethod
    def programs():
        found = shutil.which("initdb")
        places = [os.path.dirname(os.path.realpath(found))] if found else []
        places += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
        return next((place for place in places if os.path.exists(os.path.join(place, "initdb"))), None)

    def run(self, name, *args, **more):
        # Its output goes to a file: the server that pg_ctl leaves behind would hold a pipe open for ever.
        with open(self.dir.parent / f"{name}.log", "w+") as output:
            done = subprocess.run([os.path.join(self.bin, name), *args], stdout=output, stderr=output, **self.as_user)
            output.seek(0)
            if done.returncode != 0:
                raise RuntimeError(output.read())

    def psql(self, script, text=None):
        command = [os.path.join(self.bin, "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-U", "test"]
        command += ["--csv", "-P", "tuples_only=off", "-d", "postgres"]
        done = subprocess.run([*command, "-c", script], input=text, capture_output=True, text=True, **self.as_user)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return list(csv.reader(io.StringIO(done.stdout)))

    def verify(self, rows, path):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL)
        for row in rows:
            writer.writerow([row.get(name, "\\N") for name in COLUMNS])
        self.psql("TRUNCATE events")
        self.psql("COPY events FROM STDIN (FORMAT csv, NULL '\\N')", text.getvalue())
        names, *records = self.psql(statement("postgresql"))
        return verdicts(names, records)

    def close(self):
        self.run("pg_ctl", "stop", "-m", "immediate", "-D", "data")


class ClickHouse:
    name = "ClickHouse"

    def __init__(self, directory):
        from chdb import session

        self.db = session.Session()
        self.db.query("CREATE DATABASE IF NOT EXISTS test ENGINE = Memory; ")
        self.db.query("USE test")
        columns = ", ".join(f"{name} {'Int64' if name in ('seq', 't') else 'Nullable(String)'}" for name in COLUMNS)
        self.columns = columns.replace("chain Nullable(String)", "chain String").replace("link Nullable(String)", "link String")
        self.db.query("CREATE TABLE checkpoints(chain String, size Int64, head String) ENGINE = Memory")

    def verify(self, rows, path):
        self.db.query("DROP TABLE IF EXISTS events")
        self.db.query(f"CREATE TABLE events({self.columns}) ENGINE = Memory")
        self.db.query(f"INSERT INTO events SELECT * FROM file('{path}', 'JSONEachRow', '{self.columns}')")
        lines = str(self.db.query(statement("clickhouse"), "JSONEachRow")).splitlines()
        records = [json.loads(line) for line in lines]
        return verdicts(records[0].keys(), [record.values() for record in records]) if records else {}

    def close(self):
        self.db.close()


def exists(user):
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


def engines():
    """The command line and the databases there are."""
    found = [CommandLine, DuckDB]
    if PostgreSQL.programs():
        found.append(PostgreSQL)
    if importlib.util.find_spec("chdb"):
        found.append(ClickHouse)
    return found


# ---- comparing ------------------------------------------------------------------------------------------------------


def main():
    enter_environment()
    export = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "browser-export.ndjson"
    if not export.is_file():
        sys.exit(f"There is no {export.name} to check. The end-to-end tests make it, or name an export.")
    rows = [json.loads(line) for line in export.read_text().splitlines() if line.strip()]
    todo = cases(rows)
    found = engines()
    print(f"{len(rows)} rows of {len({row['chain'] for row in rows})} chains; the changes are made to {todo[0][2][:8]}…")
    if PostgreSQL not in found:
        print("PostgreSQL is not compared: initdb is not installed.")
    if ClickHouse not in found:
        print(f"ClickHouse is compared as well once chdb is installed in {VENV.relative_to(ROOT)}.")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        verifiers = []
        try:
            for engine in found:
                verifiers.append(engine(directory))
            for name, changed, chain, verdict, first_bad in todo:
                path = pathlib.Path(directory) / "rows.ndjson"
                path.write_text("".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in changed))
                answers = {verifier.name: verifier.verify(changed, path) for verifier in verifiers}
                reference = answers["nymtrail"]
                for engine, answer in answers.items():
                    # All agree on every count of every chain, and the chain that was changed alone is found bad.
                    judged = answer[chain]["verdict"], answer[chain]["first_bad"]
                    others = all(other["verdict"] == "holds" for id, other in answer.items() if id != chain)
                    good = answer == reference and judged == (verdict, first_bad) and others
                    passed, failed = passed + good, failed + (not good)
                    place = "" if judged[1] is None else f" at seq {judged[1]}"
                    print(f"  {'ok ' if good else 'NOT'}  {name:<24} {engine:<11} {judged[0]}{place}")
                    if not good:
                        print(f"       expected {verdict} {first_bad}; it says {answer[chain]}; nymtrail: {reference[chain]}")
        finally:
            for verifier in verifiers:
                verifier.close()
    skipped = 0 if PostgreSQL in found else len(todo)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
