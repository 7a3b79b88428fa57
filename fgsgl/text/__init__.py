"""FG-Text: what each gesture class looks like, in words and in four dimensions."""
