"""What examples/python/ocelli.py offers beyond its own main(): python.py MODEL PICTURE, with PYTHONPATH on the example."""

import sys

import ocelli

QUESTION = "Question: what color is the shape? Answer:"


def main(path, picture):
    with ocelli.Model(path) as model, ocelli.Image(picture) as image:
        session = model.session().add(image).add(QUESTION)
        blue, red = session.score([" blue", " red"])
        assert red < blue < 0.0, (red, blue)
        heard = []
        text, tokens, finish = session.generate(on_piece=lambda piece: heard.append(piece))
        assert (text, "".join(heard), finish) == (" blue", " blue", "end") and len(tokens) == 2
        session.clear()
        session.add(image).add(QUESTION)
        _, tokens, finish = session.generate(on_piece=lambda piece: True, max_new_tokens=9, min_new_tokens=9)
        assert finish == "stopped" and len(tokens) < 9

        def fail(piece):
            raise KeyError(piece)

        for wrong, kind in [(lambda: session.generate(on_piece=fail, max_new_tokens=9, min_new_tokens=9), KeyError),
                            (lambda: session.generate(temperature=-1.0), ocelli.Error),
                            (lambda: ocelli.Model("there is none"), ocelli.Error)]:
            try:
                wrong()
            except kind:
                continue
            raise AssertionError("no %s" % kind)
        session.cancel()
        try:
            session.generate()
            raise AssertionError("not cancelled")
        except ocelli.Error as e:
            assert e.status == 15, e
        session.close()
    try:
        session.add("more")
        raise AssertionError("a closed session took text")
    except ocelli.Error as e:
        assert e.status in (3, 16), e
    print("all of it")


main(*sys.argv[1:])
