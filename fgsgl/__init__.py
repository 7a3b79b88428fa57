"""FG-SGL and the benchmarking suite around it. Importing this package is instant: torch comes with what needs it."""

__version__ = "0.1.0"
