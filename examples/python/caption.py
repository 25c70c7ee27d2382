"""As examples/c/caption.c, in Python: the package of packaging/python.

    pip install target/wheels/ocelli-*.whl
    python3 caption.py MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]
"""

import sys

import ocelli


def main(arguments):
    if len(arguments) < 3:
        sys.exit("usage: caption.py MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]")
    path, picture, prompt = arguments[:3]
    temperature, seed, tokens = (arguments[3:] + ["0", "0", "0"][len(arguments) - 3:])
    with ocelli.Model(path) as model, model.session() as session:
        session.add(ocelli.Image(picture), prompt)
        answer = session.generate(temperature=float(temperature), seed=int(seed), max_new_tokens=int(tokens))
        print(answer)
        print("tokens:", *answer.tokens)


main(sys.argv[1:])
