"""What a model may cost whoever opens it: every limit of docs/FORMAT.md, "The gate", in one place.

Together they are to keep the loading and checking of any folder, sound or hostile, below 1 GiB and 10 seconds
(`python -m fuzz.machine.costs`), and leave room for 100 MB of weights and for convolutional VAEs of colour images of
256x256.
"""

MOST_MEMORY = 2**30  # bytes: what `memory.needed` may give for a model
MOST_WORK = 2**35  # multiplications of a graph for one row of the batch
MOST_REPLAY = 2**37  # multiplications of a check's golden vectors

FILE_BYTES = 2**27  # of one file of a model
GOLDEN_BYTES = 2**25  # of golden vectors
FILES_BYTES = 2**28  # of all files of a model together

MOST_NODES = 2048  # of a graph
MOST_FIELDS = 2**17  # fields of all messages of a graph's file
MOST_TEXT = 2**20  # bytes of all texts of a graph's file

MOST_GOLDEN_ROWS = 64  # images of golden vectors, and draws of each
MOST_SCORES = 64  # whose values golden vectors hold

LATENTS_BYTES = 2**28  # of a file of latents, and of what it is when unpacked
