"""Packages: ``fgsgl`` with its applications inside, so that an installation adds one name to site-packages.

In the checkout ``baselines/``, ``ablations/`` and ``sweeps/`` stand beside ``fgsgl/``; as Python imports them they are
``fgsgl.baselines`` and so on. Everything else about the project is in pyproject.toml.
"""

from setuptools import find_packages, setup

APPLICATIONS = ("ablations", "baselines", "sweeps")

setup(
    packages=[
        *find_packages(include=["fgsgl", "fgsgl.*"]),
        *(f"fgsgl.{name}" for name in find_packages(include=[p for one in APPLICATIONS for p in (one, f"{one}.*")])),
    ],
    package_dir={f"fgsgl.{name}": name for name in APPLICATIONS},
)
