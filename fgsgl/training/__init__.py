"""One cell in its own process: specification, training, evaluation, localisation, cost and work folder."""
