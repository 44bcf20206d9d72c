"""The image in deploy/ is built of what the wheel here is built of."""

import re

from bench.compiled import SOURCES
from bench.machine import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def copied(stage: str) -> set[str]:
    """What a stage copies from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", stage, re.MULTILINE)
    return {name for line in lines for name in line.split()}


def test_the_image_compiles_the_wheel_that_the_tests_compile() -> None:
    build, image = re.split(r"^FROM python:\S+(?: AS build)?\n", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert copied(build) == {*SOURCES, "streams", "requirements-dev.lock"}
    assert copied(image) == {"requirements.lock"}
    assert all((ROOT / name).exists() for name in copied(build) | copied(image))
    assert "DUALBLOCK_COMPILE=1 pip wheel --no-deps --no-build-isolation --no-index" in build
    assert "gcc" in build and "gcc" not in image, "what runs has no compiler"
