"""The board as text: Markdown, CSV, LaTeX, HTML and the terminal."""
