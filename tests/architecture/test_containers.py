"""The files for containers: the specification holds, hadolint is content, and every property that the guide promises.

Each property is a function of the files, and is tried on a copy that breaks it: a check that cannot fail checks nothing.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML

from engine.cli import app
from engine.settings import Settings
from graph.errors import KithError
from tests.docs.conftest import Page

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
GUIDE = Page(ROOT / "docs/howto/docker.md")
BYTES = {"m": 2**20, "g": 2**30}


@dataclass(frozen=True)
class Files:
    """What describes the containers, as text."""

    compose: str
    dockerfile: str
    dockerignore: str

    @property
    def services(self) -> dict[str, Any]:
        return self.composed["services"]

    @property
    def composed(self) -> dict[str, Any]:
        return YAML(typ="safe").load(self.compose)

    @property
    def stages(self) -> list[list[tuple[str, str]]]:
        """Per stage its instructions: word and arguments, continued lines joined."""
        text = re.sub(r"^\s*#.*\n", "", self.dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        split = [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in lines)]
        starts = [at for at, (word, _) in enumerate(split) if word == "FROM"] + [len(split)]
        return [split[start:end] for start, end in pairwise(starts)]

    def said(self, stage: int, word: str) -> list[str]:
        """The arguments of every such instruction of a stage."""
        return [rest for found, rest in self.stages[stage] if found == word]

    @property
    def image_environment(self) -> dict[str, str]:
        pairs = (pair for line in self.said(-1, "ENV") for pair in shlex.split(line))
        return dict(pair.split("=", 1) for pair in pairs)

    def environment(self, service: str) -> dict[str, str]:
        return self.services[service].get("environment", {})


FILES = Files(*((ROOT / name).read_text() for name in ("docker-compose.yml", "Dockerfile", ".dockerignore")))


def amount(text: str) -> int:
    """Bytes of ``512m`` or ``2g``."""
    return int(text[:-1]) * BYTES[text[-1]]


def exact(image: str) -> bool:
    """Whether an image is named by a full version, with or without a digest."""
    return bool(re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+(-[a-z-]+)?(@sha256:[0-9a-f]{64})?", image))


def versions_are_exact(files: Files) -> bool:
    bases = [line.split()[0] for stage in range(len(files.stages)) for line in files.said(stage, "FROM")]
    return all(map(exact, bases + [service["image"] for service in files.services.values()]))


def remarks_name_the_versions_in_force(files: Files) -> bool:
    inspected = re.findall(r"inspect (\S+?)`", files.compose + files.dockerfile)
    return inspected == [
        image.partition("@")[0] for image in (files.services["neo4j"]["image"], files.said(-1, "FROM")[0])
    ]


def both_stages_have_one_base(files: Files) -> bool:
    return len(files.stages) == 2 and len({files.said(stage, "FROM")[0].split()[0] for stage in (0, 1)}) == 1


def the_image_has_the_version_of_the_project(files: Files) -> bool:
    return files.services["kith"]["image"] == f"kith:{VERSION}"


def neo4j_is_the_community_edition(files: Files) -> bool:
    return bool(re.fullmatch(r"neo4j:\d{4}\.\d{2}\.\d+-community(@.*)?", files.services["neo4j"]["image"]))


def packages_come_from_the_lock_with_their_hashes(files: Files) -> bool:
    installs = [run for run in files.said(0, "RUN") if " install " in run]
    wanted = ("--require-hashes", "--only-binary=:all:", "-r requirements/run.lock.txt")
    return len(installs) == 2 and all(word in installs[0] for word in wanted)


def the_project_is_installed_without_fetching(files: Files) -> bool:
    return "--no-deps --no-build-isolation ." in files.said(0, "RUN")[-1]


def every_room_is_in_the_image(files: Files) -> bool:
    return set(ROOMS) <= {copy.split()[0].rstrip("/") for copy in files.said(0, "COPY")}


def the_build_sees_what_it_copies_and_no_more(files: Files) -> bool:
    lines = [line for line in files.dockerignore.splitlines() if line and not line.startswith("#")]
    copied = {name.rstrip("/") for line in files.said(0, "COPY") for name in line.split()[:-1]}
    shown = {line[1:] for line in lines if line.startswith("!")}
    named = {"requirements/run.lock.txt" if name == "requirements" else name for name in copied}
    return lines[0] == "*" and shown == named and lines[-1] == "**/__pycache__"


def the_image_has_one_system_package_and_no_compiler(files: Files) -> bool:
    """What the wheel of implicit needs of the system, and nothing else."""
    (run,) = files.said(-1, "RUN")
    packages = re.findall(r"apt-get install((?: [\w.+-]+)+)", run)
    return [[word for word in found.split() if word[0] != "-"] for found in packages] == [["libgomp1"]]


def the_image_gets_only_the_environment(files: Files) -> bool:
    return files.said(-1, "COPY") == ["--from=builder /opt/kith /opt/kith"] and not files.said(-1, "ADD")


def nobody_is_root(files: Files) -> bool:
    users = files.said(-1, "USER")[-1:] + [service["user"] for service in files.services.values() if "user" in service]
    named = "user" in files.services["neo4j"] and bool(files.said(-1, "USER"))
    return named and all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


def the_data_folder_is_the_users_own(files: Files) -> bool:
    user, _, group = files.said(-1, "USER")[-1].partition(":")
    folder = files.image_environment["KITH_DATA_DIR"]
    return f"--owner {user} --group {group} --mode 0700 {folder}" in files.said(-1, "RUN")[0]


def the_data_folder_outlives_the_container(files: Files) -> bool:
    folder = files.environment("kith").get("KITH_DATA_DIR", files.image_environment["KITH_DATA_DIR"])
    return {f"kith_data:{folder}"} == set(files.services["kith"]["volumes"])


def kith_is_what_starts(files: Files) -> bool:
    started = files.said(-1, "ENTRYPOINT"), files.said(-1, "CMD")[-1:]
    return started == (['["kith"]'], ['["serve"]']) and files.said(-1, "STOPSIGNAL") == ["SIGINT"]


def the_file_system_of_kith_is_read_only(files: Files) -> bool:
    kith = files.services["kith"]
    return kith.get("read_only") is True and kith.get("tmpfs") == ["/tmp"]


def nobody_has_capabilities(files: Files) -> bool:
    return all(
        service.get("cap_drop") == ["ALL"] and "cap_add" not in service and "privileged" not in service
        for service in files.services.values()
    )


def nobody_gains_privileges(files: Files) -> bool:
    return all(service.get("security_opt") == ["no-new-privileges:true"] for service in files.services.values())


def processes_and_memory_are_limited(files: Files) -> bool:
    services = files.services.values()
    return all(0 < service.get("pids_limit", 0) <= 1024 and "mem_limit" in service for service in services)


def neo4j_fits_into_its_memory(files: Files) -> bool:
    own, limit = files.environment("neo4j"), files.services["neo4j"]["mem_limit"]
    heap = own["NEO4J_server_memory_heap_max__size"]
    inside = amount(heap) + amount(own["NEO4J_server_memory_pagecache_size"])
    return own["NEO4J_server_memory_heap_initial__size"] == heap and inside + BYTES["g"] <= amount(limit)


def ports_are_published_on_loopback(files: Files) -> bool:
    ports = [port for service in files.services.values() for port in service["ports"]]
    return all(str(port).startswith("127.0.0.1:") for port in ports) and "network_mode" not in files.compose


def secrets_are_files(files: Files) -> bool:
    """Whether a variable that names a secret names one that its service gets, and nobody gets one unnamed."""
    for name, service in files.services.items():
        wanted = {value for key, value in files.environment(name).items() if key.endswith("_FILE")}
        if not wanted or wanted != {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}:
            return False
    return all(set(secret) == {"file"} for secret in files.composed["secrets"].values())


def no_variable_is_a_password(files: Files) -> bool:
    names = [*files.image_environment, *(name for service in files.services for name in files.environment(service))]
    hidden = re.search(r"://[^/\s]*:[^/\s]*@", files.compose + files.dockerfile)
    return not hidden and not [
        name for name in names if re.search(r"PASSWORD$|AUTH$|SECRET|TOKEN", name, re.IGNORECASE)
    ]


def neo4j_reports_nothing(files: Files) -> bool:
    quiet = ("dbms_usage__report_enabled", "client_allow__telemetry", "server_fleet__discovery_enabled")
    return all(files.environment("neo4j").get(f"NEO4J_{name}") == "false" for name in quiet)


def both_tell_their_health(files: Files) -> bool:
    test = files.services["neo4j"].get("healthcheck", {}).get("test", [])
    kith = " ".join(files.said(-1, "HEALTHCHECK"))
    return test[:1] == ["CMD"] and test[-1] == "http://127.0.0.1:7474/" and "127.0.0.1:8000/healthz" in kith


def kith_waits_for_neo4j(files: Files) -> bool:
    return files.services["kith"].get("depends_on") == {"neo4j": {"condition": "service_healthy"}}


def what_lasts_lies_in_named_volumes(files: Files) -> bool:
    used = [volume for service in files.services.values() for volume in service["volumes"]]
    return {volume.split(":")[0] for volume in used} == set(files.composed["volumes"]) and len(used) == len(set(used))


def neo4j_keeps_its_data(files: Files) -> bool:
    return "neo4j_data:/data" in files.services["neo4j"]["volumes"]


def settings_of(files: Files) -> Settings:
    """What Kith reads in its container; the example file sets nothing, and keeps a developer's own file out."""
    own = files.image_environment | files.environment("kith")
    return Settings.load(ROOT / "settings.example.toml", environ=own)


def kith_knows_its_variables(files: Files) -> bool:
    try:
        settings = settings_of(files)
    except KithError:
        return False
    return settings.host == "0.0.0.0" and settings.store == "neo4j://neo4j@neo4j:7687"


def the_ports_are_those_that_are_listened_on(files: Files) -> bool:
    inside = {int(port.rpartition(":")[2]) for port in files.services["kith"]["ports"]}
    return inside == {settings_of(files).port} == {int(port) for port in files.said(-1, "EXPOSE")}


VERSION = PROJECT["project"]["version"]
NEO4J = FILES.services["neo4j"]["image"]
PYTHON = FILES.said(-1, "FROM")[0]

Change = tuple[str, str, str]  # which file, what is there, what stands there instead

BROKEN: dict[Callable[[Files], bool], list[Change]] = {
    versions_are_exact: [
        ("compose", f"image: {NEO4J}", "image: neo4j:latest"),
        ("compose", f"image: {NEO4J}", "image: neo4j"),
        ("compose", f"kith:{VERSION}", "kith"),
        ("dockerfile", f"{PYTHON} AS", "python:3.13-slim AS"),
    ],
    remarks_name_the_versions_in_force: [
        ("compose", f"image: {NEO4J}", "image: neo4j:2026.01.0-community"),
        ("dockerfile", f"FROM {PYTHON}\n", "FROM python:3.13.0-slim-trixie\n"),
    ],
    both_stages_have_one_base: [("dockerfile", f"{PYTHON} AS", "python:3.13.0-slim-trixie AS")],
    the_image_has_the_version_of_the_project: [("compose", f"kith:{VERSION}", "kith:0.0.9")],
    neo4j_is_the_community_edition: [("compose", f"image: {NEO4J}", "image: neo4j:2026.08.1-enterprise")],
    packages_come_from_the_lock_with_their_hashes: [
        ("dockerfile", "--require-hashes ", ""),
        ("dockerfile", "--only-binary=:all: ", ""),
        ("dockerfile", "-r requirements/run.lock.txt\n", "numpy scipy\n"),
    ],
    the_project_is_installed_without_fetching: [
        ("dockerfile", "--no-deps ", ""),
        ("dockerfile", "--no-build-isolation ", ""),
    ],
    every_room_is_in_the_image: [("dockerfile", f"COPY {room}/ {room}/\n", "") for room in ROOMS],
    the_build_sees_what_it_copies_and_no_more: [
        *(("dockerignore", f"!{room}\n", "") for room in ROOMS),
        ("dockerignore", "*\n!req", "!req"),
        ("dockerignore", "!LICENSE\n", "!LICENSE\n!secrets\n"),
    ],
    the_image_has_one_system_package_and_no_compiler: [
        ("dockerfile", "libgomp1 \\", "libgomp1 gcc \\"),
        ("dockerfile", "libgomp1 \\", "\\"),
    ],
    the_image_gets_only_the_environment: [("dockerfile", "WORKDIR /var", "COPY . /src\nWORKDIR /var")],
    nobody_is_root: [
        ("dockerfile", "USER 10001:10001\n", ""),
        ("dockerfile", "USER 10001:10001", "USER 0:0"),
        ("dockerfile", "USER 10001:10001", "USER kith"),
        ("compose", '    user: "7474:7474"\n', ""),
        ("compose", "    read_only: true\n", '    read_only: true\n    user: "0:0"\n'),
    ],
    the_data_folder_is_the_users_own: [("dockerfile", "USER 10001:10001", "USER 10002:10001")],
    the_data_folder_outlives_the_container: [
        ("compose", "kith_data:/var/lib/kith", "kith_data:/var/lib/other"),
        ("dockerfile", "KITH_DATA_DIR=/var/lib/kith", "KITH_DATA_DIR=/srv"),
    ],
    kith_is_what_starts: [
        ("dockerfile", 'ENTRYPOINT ["kith"]', 'ENTRYPOINT ["sh"]'),
        ("dockerfile", 'CMD ["serve"]', 'CMD ["demo"]'),
        ("dockerfile", "STOPSIGNAL SIGINT\n", ""),
    ],
    the_file_system_of_kith_is_read_only: [
        ("compose", "    read_only: true\n", ""),
        ("compose", "tmpfs: [/tmp]", "tmpfs: [/var/lib/kith]"),
    ],
    nobody_has_capabilities: [
        ("compose", "    cap_drop: [ALL]\n", ""),
        ("compose", "cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [SYS_ADMIN]"),
        ("compose", "    init: true\n", "    privileged: true\n"),
    ],
    nobody_gains_privileges: [
        ("compose", '    security_opt: ["no-new-privileges:true"]\n', ""),
        ("compose", "no-new-privileges:true", "seccomp:unconfined"),
    ],
    processes_and_memory_are_limited: [
        ("compose", "    pids_limit: 512\n", ""),
        ("compose", "pids_limit: 512", "pids_limit: -1"),
        ("compose", "    mem_limit: 2g\n", ""),
    ],
    neo4j_fits_into_its_memory: [
        ("compose", "mem_limit: 2560m", "mem_limit: 2g"),
        ("compose", "heap_max__size: 1g", "heap_max__size: 2g"),
        ("compose", "pagecache_size: 512m", "pagecache_size: 1g"),
    ],
    ports_are_published_on_loopback: [
        ("compose", '"127.0.0.1:7687:7687"', '"7687:7687"'),
        ("compose", '"127.0.0.1:8000:8000"', '"0.0.0.0:8000:8000"'),
        ("compose", "    init: true\n", "    network_mode: host\n"),
    ],
    secrets_are_files: [
        ("compose", "    secrets: [neo4j_auth]\n", ""),
        ("compose", "/run/secrets/neo4j_password", "/run/secrets/password"),
        ("compose", "NEO4J_AUTH_FILE: /run/secrets/neo4j_auth", "NEO4J_AUTH: neo4j/password"),
        ("compose", "file: ./secrets/neo4j_auth", "environment: NEO4J_AUTH"),
    ],
    no_variable_is_a_password: [
        ("compose", "      KITH_STORE:", "      KITH_NEO4J_PASSWORD: secret\n      KITH_STORE:"),
        ("compose", "NEO4J_AUTH_FILE: /run", "NEO4J_AUTH: /run"),
        ("compose", "neo4j://neo4j@neo4j", "neo4j://neo4j:password@neo4j"),
        ("dockerfile", "PYTHONUNBUFFERED=1", "API_TOKEN=1"),
    ],
    neo4j_reports_nothing: [
        ("compose", 'usage__report_enabled: "false"', 'usage__report_enabled: "true"'),
        ("compose", '      NEO4J_client_allow__telemetry: "false"\n', ""),
    ],
    both_tell_their_health: [
        ("compose", "http://127.0.0.1:7474/", "http://127.0.0.1:7473/"),
        ("compose", "test: [CMD, wget", "test: [NONE, wget"),
        ("dockerfile", "HEALTHCHECK", "LABEL"),
    ],
    kith_waits_for_neo4j: [
        ("compose", "condition: service_healthy", "condition: service_started"),
        ("compose", "    depends_on:\n      neo4j:\n        condition: service_healthy\n", ""),
    ],
    what_lasts_lies_in_named_volumes: [
        ("compose", "- neo4j_data:/data", "- ./data:/data"),
        ("compose", "- neo4j_logs:/logs", "- neo4j_data:/data"),
    ],
    neo4j_keeps_its_data: [("compose", "neo4j_data:/data", "neo4j_data:/var/lib/neo4j/data")],
    kith_knows_its_variables: [
        ("compose", "KITH_NEO4J_PASSWORD_FILE", "KITH_NEO4J_PASSWORT_FILE"),
        ("compose", "neo4j://neo4j@neo4j:7687", "neo4j://neo4j@localhost:7687"),
        ("dockerfile", "    KITH_HOST=0.0.0.0 \\\n", ""),
    ],
    the_ports_are_those_that_are_listened_on: [
        ("compose", "127.0.0.1:8000:8000", "127.0.0.1:8000:8080"),
        ("dockerfile", "EXPOSE 8000", "EXPOSE 8001"),
    ],
}


CHANGES = [
    pytest.param(promise, change, id=f"{promise.__name__}-{number}")
    for promise, broken in BROKEN.items()
    for number, change in enumerate(broken)
]


@pytest.mark.parametrize("promise", BROKEN, ids=lambda promise: promise.__name__)
def test_a_promise_is_kept(promise: Callable[[Files], bool]) -> None:
    assert promise(FILES)


@pytest.mark.parametrize(("promise", "change"), CHANGES)
def test_a_file_that_breaks_a_promise_is_noticed(promise: Callable[[Files], bool], change: Change) -> None:
    name, old, new = change
    text = getattr(FILES, name)
    assert old in text
    assert not promise(replace(FILES, **{name: text.replace(old, new, 1)}))


def ran(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("old", "new", "accepted"),
    [("", "", True), ("read_only:", "read_onyl:", False), ("image: neo4j", "imagine: neo4j", False)],
)
def test_the_compose_file_fits_the_compose_specification(tmp_path: Path, old: str, new: str, accepted: bool) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(FILES.compose.replace(old, new) if old else FILES.compose)
    done = ran(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    assert (done.returncode == 0) is accepted, done.stdout


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [("", "", ""), ("--no-install-recommends ", "", "DL3015"), ("WORKDIR /build", "RUN cd /build", "DL3003")],
)
def test_hadolint_has_nothing_to_say_about_the_dockerfile(tmp_path: Path, old: str, new: str, rule: str) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(FILES.dockerfile.replace(old, new) if old else FILES.dockerfile)
    done = ran(TOOLS / "hadolint", "--no-color", file)
    assert (done.returncode == 0 and not done.stdout) if not rule else (done.returncode == 1 and rule in done.stdout)


def test_the_health_check_of_the_image_tells_a_server_that_runs_from_one_that_does_not(tmp_path: Path) -> None:
    words = json.loads(FILES.said(-1, "HEALTHCHECK")[0].partition("CMD ")[2])
    kith = [sys.executable, "-c", "from engine.cli import main; main()", "--store", "memory://", "--data-dir", "."]
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*kith, "serve", "--port", "0"], cwd=tmp_path, env=own, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        port = next(found[1] for line in server.stderr if (found := re.search(r"serving at http://[\d.]+:(\d+)", line)))
        check = [sys.executable, *(word.replace(":8000/", f":{port}/") for word in words[1:])]
        running = ran(*check, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)
    assert words[0] == "python"
    assert running.returncode == 0, running.stderr
    assert server.returncode == 0
    assert ran(*check).returncode != 0


def test_the_guide_says_first_that_nothing_was_run() -> None:
    title, first, *_ = GUIDE.path.read_text(encoding="utf-8").split("\n\n")
    assert title.startswith("# ")
    assert first.startswith("**Validated, not run.**")


def test_the_guide_makes_the_secrets_that_the_compose_file_names(tmp_path: Path) -> None:
    done = ran("sh", "-euc", GUIDE.blocks("sh")[0], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    named = {secret["file"] for secret in FILES.composed["secrets"].values()}
    made = sorted((tmp_path / "secrets").iterdir())
    assert named == {f"./secrets/{path.name}" for path in made}
    auth, password = (path.read_text() for path in made)
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert auth == f"neo4j/{password}"
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o444}


def kith_commands() -> list[list[str]]:
    """What the guide has Kith do in a container, one list of words a command."""
    text = GUIDE.path.read_text(encoding="utf-8")
    inline = re.findall(r"`(docker compose run [^`]+)`", text)
    words = [
        shlex.split(command) for command in [*GUIDE.commands(), *inline] if command.startswith("docker compose run ")
    ]
    return [command[command.index("kith") + 1 :] for command in words]


@pytest.mark.parametrize("words", kith_commands(), ids=lambda words: " ".join(words[:2]))
def test_kith_has_every_command_and_option_that_the_guide_uses(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= known


def test_the_guide_makes_a_key_before_anything_listens() -> None:
    commands = [command for command in GUIDE.commands() if command.startswith("docker compose ")]
    steps = ["build", "keys create", "load", "train", "up -d"]
    at = [next(number for number, command in enumerate(commands) if f" {step}" in command) for step in steps]
    assert at == sorted(at)
    assert len(kith_commands()) >= 4


def test_the_guide_mounts_files_read_only_and_uses_the_ports_that_are_published() -> None:
    text = GUIDE.path.read_text(encoding="utf-8")
    mounts = re.findall(r'--volume "([^"]+)"', text)
    assert mounts and all(mount.endswith(":ro") for mount in mounts)
    published = {port.rpartition(":")[0] for service in FILES.services.values() for port in service["ports"]}
    assert set(re.findall(r"http://(127[\d.]+:\d+)", text)) <= published


def test_the_guide_shows_a_setting_that_exists() -> None:
    (shown,) = re.findall(r"^  ```yaml\n(.*?)^  ```", GUIDE.path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    environment = YAML(typ="safe").load(shown)["services"]["kith"]["environment"]
    assert Settings.load(ROOT / "settings.example.toml", environ=environment).currency == "USD"
