"""The jars of Apache Kafka, resolved once with Maven into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from launcher.cache import cache_dir, locked
from launcher.errors import LauncherError, MissingProgram

KAFKA_VERSION = "4.1.0"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_MAVEN_TIMEOUT = 600

# Kafka's own logging back-end is not among its dependencies: slf4j-simple writes the log.
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>afflux</groupId><artifactId>kafka-jars</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def java() -> str:
    """Path of the `java` command. Raises MissingProgram."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=f"{home}/bin") if home else None
    path = path or shutil.which("java")
    if path is None:
        raise MissingProgram(
            "Apache Kafka needs a Java 17+ runtime, and no `java` is on PATH",
            hint="install a JDK, or use the embedded broker (leave out --kafka)",
        )
    return path


def installed(version: str = KAFKA_VERSION) -> bool:
    """Whether the jars are in the cache already."""
    return _libs(version).is_dir()


def kafka_jars(version: str = KAFKA_VERSION) -> Path:
    """The folder with Kafka's jars; resolves them when they are not there yet.

    Raises MissingProgram without Maven, LauncherError when Maven fails.
    """
    if not installed(version):
        with locked(f"kafka-{version}"):
            if not installed(version):
                _resolve(version)
    return _libs(version)


def _libs(version: str) -> Path:
    return cache_dir() / f"kafka-{version}" / "libs"


def _resolve(version: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingProgram(
            f"the jars of Apache Kafka {version} are fetched with Maven, and no `mvn` is on PATH",
            hint="install Maven, or use the embedded broker (leave out --kafka)",
        )
    target = _libs(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        (Path(folder) / "pom.xml").write_text(_POM.format(version=version))
        command = [maven, "-B", "-q", _PLUGIN, "-DincludeScope=runtime", "-DoutputDirectory=libs"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise LauncherError(f"Maven took longer than {_MAVEN_TIMEOUT} s") from None
        if done.returncode != 0:
            lines = [x for x in (done.stdout + done.stderr).splitlines() if "ERROR" in x]
            raise LauncherError(
                f"Maven could not resolve Apache Kafka {version}: {lines[0] if lines else ''}",
                hint="is the network there, and Maven's settings.xml right?",
            )
        (Path(folder) / "libs").rename(target)
