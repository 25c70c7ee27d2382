"""The package as it is installed from its wheel; OCELLI_ROOT is the repository, for the model, pictures and ffi/abi.txt.

The tiny model (cli/models/tiny-blip2.gguf) names the colour of a shape: its answers are known.
"""

import ctypes
import itertools
import logging
import math
import os
import re
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import ocelli
from gguf_key import with_key
from ocelli import _library

ROOT = Path(os.environ["OCELLI_ROOT"])
MODEL = ROOT / "cli/models/tiny-blip2.gguf"
FLAMINGO = ROOT / "tests/zoo/tiny-flamingo.gguf"
BLUE, RED = ROOT / "tests/pictures/blue_circle.png", ROOT / "tests/pictures/red_triangle.png"
QUESTION = "Question: what color is the shape? Answer:"
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }} {% elif m.role == 'user' %}"
    "{{ 'Question: ' + m.content + ' Answer:' }}{% else %}{{ m.content + ' ' }}{% endif %}{% endfor %}"
)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = ocelli.Model(MODEL, threads=1)

    @classmethod
    def tearDownClass(cls):
        cls.model.close()

    def asked(self, **options):
        session = self.model.session(**options)
        self.addCleanup(session.close)
        return session.add(BLUE, QUESTION)


class Layout(unittest.TestCase):
    """What ctypes is told against what programs rely on."""

    KINDS = {
        "uint32_t": ctypes.c_uint32, "int32_t": ctypes.c_int32, "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t,
        "double": ctypes.c_double, "float": ctypes.c_float,
    }

    def lines(self, kind):
        lines = (ROOT / "ffi/abi.txt").read_text().splitlines()
        found = [line.split(" ", 1)[1] for line in lines if line.startswith(kind + " ")]
        self.assertTrue(found)
        return found

    def test_functions(self):
        declared = {}
        for line in self.lines("function"):
            name, result, types = re.fullmatch(r"(\w+) (.*) \((.*)\)", line).groups()
            declared[name] = (result, [t for t in types.split(", ") if t])
        self.assertEqual(list(declared), list(_library.SIGNATURES))
        for name, (result, arguments) in _library.SIGNATURES.items():
            wanted = [declared[name][0], *declared[name][1]]
            for place, (told, c_type) in enumerate(zip([result, *arguments], wanted)):
                if c_type in self.KINDS:
                    self.assertIs(told, self.KINDS[c_type], "%s, %d: %s" % (name, place, c_type))
                else:
                    self.assertEqual(ctypes.sizeof(told), ctypes.sizeof(ctypes.c_void_p), "%s: %s" % (name, c_type))
            self.assertEqual(len(arguments) + 1, len(wanted), name)

    def test_structs(self):
        structs = {"ocelli_" + re.sub(r"(?<!^)(?=[A-Z])", "_", s.__name__).lower(): s for s in [*_library.Sized.__subclasses__(), _library.Box]}
        fields = [line.split(" ", 3) for line in self.lines("field")]
        self.assertEqual(sorted({f[0] for f in fields}), sorted(structs))
        for struct, name, offset, c_type in fields:
            field = getattr(structs[struct], name)
            size = ctypes.sizeof(self.KINDS.get(c_type, ctypes.c_void_p))
            self.assertEqual((field.offset, field.size), (int(offset), size), "%s.%s" % (struct, name))
        for line in self.lines("struct"):
            name, size = line.split()
            self.assertEqual(ctypes.sizeof(structs[name]), int(size), name)


class Models(Case):
    def test_what_it_is(self):
        self.assertTrue(self.model.takes_images)
        self.assertFalse(self.model.chats or self.model.takes_video)
        self.assertEqual((self.model.context, self.model.threads), (128, 1))
        self.assertEqual(self.model.file_bytes, MODEL.stat().st_size)
        keys = self.model.keys()
        self.assertIn("general.architecture", keys)
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual(self.model.meta("general.architecture"), "opt")
        self.assertIn("context 128", repr(self.model))

    def test_from_bytes_and_from_an_open_file(self):
        data = MODEL.read_bytes()
        with ocelli.Model(data) as one, ocelli.Model(memoryview(data)) as two, open(MODEL, "rb") as file:
            with ocelli.Model(file, copy=True) as three:
                self.assertEqual({m.keys()[0] for m in (one, two, three)}, {self.model.keys()[0]})

    def test_progress_and_log(self):
        seen, lines = [], []
        with ocelli.Model(MODEL, threads=1, progress=lambda *a: seen.append(a), log=lambda *a: lines.append(a)) as model:
            model.session().close()
            with self.assertRaises(ocelli.Error):
                model.meta("no such key")
        self.assertEqual(seen[-1], (MODEL.stat().st_size,) * 2)
        self.assertEqual({level for level, _ in lines}, {logging.INFO, logging.ERROR})
        with self.assertRaises(ocelli.Cancelled):
            ocelli.Model(MODEL, progress=lambda done, total: True)
        with self.assertRaises(KeyError):
            ocelli.Model(MODEL, progress=lambda done, total: {}[done])

    def test_processors(self):
        if not hasattr(os, "sched_getaffinity"):
            self.skipTest("no affinity")
        cpus = os.sched_getaffinity(0)
        with ocelli.Model(MODEL, threads=2, cpus=cpus) as model:
            self.assertEqual(model.threads, 2)
        self.assertEqual(os.sched_getaffinity(0), cpus)
        for wrong in ([8192], [-1], []):
            with self.assertRaises(ValueError):
                ocelli.Model(MODEL, cpus=wrong)
        with self.assertRaises(ocelli.Error) as caught:
            ocelli.Model(MODEL, cpus=[8191])
        self.assertEqual(caught.exception.name, "OCELLI_ERR_BAD_PARAMETER")

    def test_what_does_not_point_has_no_boxes(self):
        text = "a<phrase> b</phrase><object><patch_index_0000><patch_index_1023></object>"
        self.assertEqual(self.model.pointed(text), (text, []))

    def test_tokens(self):
        ids = self.model.tokenize(QUESTION)
        self.assertEqual(self.model.detokenize(ids), QUESTION)
        self.assertEqual(b"".join(self.model.token(id).data for id in ids).decode(), QUESTION)
        eos = self.model.token(self.model.eos)
        self.assertTrue(eos.special and not eos.image)
        name = eos.data.decode()
        self.assertEqual(self.model.tokenize(name), [eos.id])
        self.assertGreater(len(self.model.tokenize(name, plain=True)), 1)
        self.assertEqual(self.model.detokenize([*ids, eos.id]), QUESTION)
        self.assertEqual(self.model.detokenize([*ids, eos.id], special=True), QUESTION + name)
        with self.assertRaises(ocelli.Error):
            self.model.token(self.model.vocabulary)
        self.assertTrue(any(self.model.token(id).ends for id in range(self.model.vocabulary)))

    def test_what_looks_like_a_picture_is_text(self):
        images = [id for id in range(self.model.vocabulary) if self.model.token(id).image]
        self.assertTrue(all(id not in self.model.tokenize("a <image> tag") for id in images))

    def test_memory(self):
        small, whole = self.model.plan(context=16), ocelli.plan(MODEL)
        self.assertLess(small.cache, whole.cache)
        self.assertEqual(whole.total, sum(whole[:-1]))
        with self.assertRaises(ocelli.OverBudget) as caught:
            self.model.session(budget=1000)
        self.assertEqual(caught.exception.code, 13)
        self.assertIn(1000, caught.exception.numbers)

    def test_errors(self):
        with self.assertRaises(ocelli.Error) as caught:
            ocelli.Model("there is none")
        self.assertEqual((caught.exception.code, caught.exception.name), (7, "OCELLI_ERR_FILE"))
        self.assertIn("there is none", str(caught.exception))
        with self.assertRaises(ocelli.Error):
            ocelli.check_model(BLUE)
        ocelli.check_model(MODEL)
        self.assertRegex(ocelli.__version__, r"\d+\.\d+\.\d+")
        with self.assertRaises(TypeError):
            self.asked().generate(heat=1)
        with self.assertRaises(ValueError):
            self.model.session(cache="f64")
        with self.assertRaises(ValueError):
            self.model.session(context=-1)


class Loading(unittest.TestCase):
    def test_a_missing_library_is_named(self):
        environment = {**os.environ, "OCELLI_LIBRARY": "/there/is/none.so"}
        done = subprocess.run([sys.executable, "-c", "import ocelli"], env=environment, capture_output=True, text=True)
        self.assertIn("ImportError: the library of Ocelli cannot be loaded: /there/is/none.so", done.stderr)
        self.assertIn("OCELLI_LIBRARY", done.stderr.splitlines()[-1])


class Pictures(Case):
    def pixels(self):
        """8-bit numbers of a picture with red above blue, 4 wide and 2 high."""
        return bytes([255, 0, 0] * 4 + [0, 0, 255] * 4)

    def test_what_a_picture_may_be(self):
        data = self.pixels()
        rows = memoryview(data).cast("B", [2, 4, 3])
        features = []
        with self.model.session() as session:
            for picture in [rows, bytearray(BLUE.read_bytes()), BLUE, str(BLUE), memoryview(data[:8]).cast("B", [2, 4]),
                            memoryview(data + data[:8]).cast("B", [2, 4, 4])]:
                with ocelli.Image(picture) as image:
                    self.assertEqual(len(image.size), 2)
                    features.append(session.embed(image))
            self.assertEqual(features[1], features[2])
            self.assertEqual(features[1], features[3])
            self.assertNotEqual(features[0], features[1])
            self.assertEqual(ocelli.Image(rows).size, (4, 2))
            swapped = bytes(itertools.chain.from_iterable(data[i:i + 3][::-1] for i in range(0, len(data), 3)))
            bgr = ocelli.Image(memoryview(swapped).cast("B", [2, 4, 3]), order="bgr")
            self.assertEqual(session.embed(bgr), features[0])
        self.assertIn("4x2", repr(bgr))

    def test_what_is_none(self):
        floats = memoryview(bytes(24)).cast("f", [2, 3])
        for wrong in [3, None, object()]:
            with self.assertRaises(TypeError):
                ocelli.Image(wrong)
        for wrong in [floats, memoryview(bytes(16)).cast("B", [2, 4, 2])]:
            with self.assertRaises(ValueError):
                ocelli.Image(wrong)
        for wrong in [b"no picture", "no such file.png"]:
            with self.assertRaises(ocelli.Error):
                ocelli.Image(wrong)

    def test_numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        pixels = numpy.frombuffer(self.pixels(), dtype=numpy.uint8).reshape(2, 4, 3)
        with self.model.session() as session:
            straight = session.embed(pixels)
            self.assertEqual(session.embed(numpy.ascontiguousarray(pixels[:, ::-1])[:, ::-1]), straight, "any strides")
            rows = numpy.asarray(session.rows(pixels))
            self.assertEqual(rows.shape, (self.model.image_positions, self.model.embedding_width))

    def test_pil(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("PIL is not installed")
        with self.model.session() as session, Image.open(BLUE) as picture:
            self.assertEqual(session.embed(picture), session.embed(BLUE))
            self.assertEqual(session.embed(picture.convert("RGB")), session.embed(BLUE))

    def test_rows_and_features(self):
        with self.model.session() as session:
            rows = session.rows(BLUE)
            self.assertEqual(rows.shape, (self.model.image_positions, self.model.embedding_width))
            one, other = session.embed(BLUE), session.embed(RED)
            self.assertAlmostEqual(sum(x * x for x in one), 1.0, places=5)
            self.assertLess(sum(x * y for x, y in zip(one, other)), 0.9999)


class Texts(Case):
    def test_an_answer(self):
        answer = self.asked().generate(logprobs=True)
        self.assertEqual((str(answer), answer.finish), (" blue", "eos"))
        self.assertEqual(len(answer.tokens), len(answer.logprobs))
        self.assertIsNone(self.asked().generate().logprobs)

    def test_the_ways_to_generate_agree(self):
        whole = self.asked().generate(logprobs=True)
        heard = []
        self.assertEqual(self.asked().generate(heard.append, logprobs=True), whole)
        self.assertEqual("".join(heard), whole.text)
        session = self.asked()
        self.assertEqual("".join(session.stream(logprobs=True)), whole.text)
        self.assertEqual(session.answer, whole)
        steps = list(self.asked().steps(logprobs=True))
        self.assertEqual([s.token for s in steps], whole.tokens)
        self.assertEqual([s.logprob for s in steps], whole.logprobs)
        self.assertEqual((steps[-1].finish, steps[0].finish), ("eos", None))
        self.assertIsNone(next(self.asked().steps()).logprob)

    def test_a_score_is_the_logprobs_of_the_same_tokens(self):
        answer = self.asked().generate(logprobs=True)
        blue, red = self.asked().score([" blue", " red"])
        self.assertLess(red.sum, blue.sum)
        self.assertEqual(blue.tokens, answer.tokens[:len(blue.tokens)])
        for told, scored in zip(answer.logprobs, blue.logprobs):
            self.assertAlmostEqual(told, scored, places=4)
        self.assertAlmostEqual(blue.sum, sum(blue.logprobs), places=6)
        self.assertEqual(blue.mean, blue.sum / len(blue.tokens))
        self.assertEqual(self.asked().score([]), [])

    def test_logits_are_biased_and_tokens_forced(self):
        answer, [red] = self.asked().generate(), self.asked().score([" red"])
        self.assertNotIn(answer.tokens[0], self.asked().generate(logit_bias={answer.tokens[0]: -math.inf}).tokens)
        self.assertEqual(self.asked().generate(logit_bias={red.tokens[0]: 100}).tokens[0], red.tokens[0])
        forced = self.asked().generate(forced=red.tokens, logprobs=True)
        self.assertEqual(forced.tokens[:len(red.tokens)], red.tokens)
        for told, scored in zip(forced.logprobs, red.logprobs):
            self.assertAlmostEqual(told, scored, places=4)
        for wrong in [dict(logit_bias={2**31: 1.0}), dict(logit_bias={1: math.nan}), dict(forced=[2**31])]:
            with self.assertRaises(ocelli.Error):
                self.asked().generate(**wrong)
        with self.assertRaises(ValueError):
            self.asked().generate(forced=[-1])

    def test_something_true_ends_the_text_and_keeps_it(self):
        session = self.asked()
        answer = session.generate(lambda piece: True, max_new_tokens=9, min_new_tokens=9)
        self.assertEqual(answer.finish, "stopped")
        self.assertLess(len(answer.tokens), 9)
        before = session.usage().positions
        for _ in session.stream(max_new_tokens=9, min_new_tokens=9):
            break
        self.assertEqual(session.answer.finish, "stopped")
        self.assertGreater(session.usage().positions, before)

    def test_what_a_listener_raises_comes_out(self):
        with self.assertRaises(KeyError):
            self.asked().generate(lambda piece: {}[piece])
        with self.assertRaises(KeyError):
            self.asked(progress=lambda *a: {}[a]).generate()

    def test_an_interrupt_is_heard_while_the_prompt_is_read(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        session = self.asked(progress=lambda stage, done, total: stage == "prefill" and signal.raise_signal(signal.SIGINT))
        with self.assertRaises(KeyboardInterrupt):
            session.generate()

    def test_a_text_that_is_left_late_is_not_taken_for_the_last(self):
        session = self.asked()
        steps = session.steps(max_new_tokens=9, min_new_tokens=9)
        next(steps)
        session.clear()
        last = session.add(BLUE, QUESTION).generate()
        steps.close()
        self.assertEqual(session.answer, last)

    def test_stop_strings(self):
        whole = self.asked().generate(max_new_tokens=6, min_new_tokens=6).text
        answer = self.asked().generate(max_new_tokens=6, min_new_tokens=6, stop=["no such text", whole[3:5]])
        self.assertEqual((answer.text, answer.finish), (whole[:whole.index(whole[3:5])], "stop-string"))
        with self.assertRaises(ocelli.Error):
            self.asked().generate(stop="")
        with self.assertRaises(ValueError):
            self.asked().generate(stop="\0")

    def test_limits_and_the_context(self):
        answer = self.asked().generate(max_new_tokens=3, min_new_tokens=3)
        self.assertEqual((len(answer.tokens), answer.finish), (3, "length"))
        with self.model.session(context=16) as session, self.assertRaises(ocelli.ContextFull) as caught:
            session.add(BLUE, QUESTION * 5).generate()
        self.assertIn(16, caught.exception.numbers)

    def test_draws_and_beams(self):
        draws = dict(temperature=4.0, seed=2**64 - 1, max_new_tokens=12, top_k=50, top_p=0.99, min_p=0.0001)
        self.assertEqual(self.asked().generate(**draws), self.asked().generate(**draws))
        with self.model.session(beams=3, new_tokens=8) as session:
            answer = session.add(BLUE, QUESTION).generate(beams=3, max_new_tokens=8, logprobs=True)
            self.assertEqual(len(answer.tokens), len(answer.logprobs))

    def test_progress(self):
        seen = []
        self.asked(progress=lambda *a: seen.append(a)).generate()
        stages = [stage for stage, _ in itertools.groupby(seen, key=lambda told: told[0])]
        self.assertEqual(stages, ["encode", "prefill"])
        for stage in stages:
            done = [(d, t) for s, d, t in seen if s == stage]
            self.assertEqual(done, sorted(done))
            self.assertEqual(len({t for _, t in done}), 1)
            self.assertGreater(len(done), 2)
        self.assertEqual(seen[-1][1], seen[-1][2])
        with self.assertRaises(ocelli.Cancelled):
            self.asked(progress=lambda stage, done, total: stage == "encode" and done > 0).generate()

    def test_cancel(self):
        session = self.asked()
        session.cancel()
        with self.assertRaises(ocelli.Cancelled):
            session.generate()
        self.assertEqual(session.generate().text, " blue")
        session.clear()
        session.add(QUESTION)
        ended = threading.Event()

        # More than once: a cancel that comes as a call returns is that call's, and changes nothing any more.
        def cancels():
            while not ended.wait(0.05):
                session.cancel()

        thread = threading.Thread(target=cancels)
        thread.start()
        try:
            with self.assertRaises(ocelli.Cancelled):
                while True:
                    session.generate(max_new_tokens=1, min_new_tokens=1)
                    session.clear()
                    session.add(QUESTION)
        finally:
            ended.set()
            thread.join()

    def test_saving_forking_and_what_was_read(self):
        session = self.asked()
        session.generate()
        state, fork = session.save(), session.fork()
        self.addCleanup(fork.close)
        with self.model.session() as other:
            other.restore(state)
            texts = [s.add(" " + QUESTION).generate().text for s in (session, fork, other)]
            self.assertEqual(len(set(texts)), 1)
            self.assertGreater(other.usage().reused, 0)
            with self.assertRaises(ocelli.Error) as caught:
                other.restore(state[:-1])
        self.assertEqual(caught.exception.name, "OCELLI_ERR_STATE")

    def test_tokens_and_marks(self):
        with self.model.session() as session:
            session.add_tokens(self.model.tokenize(QUESTION))
            self.assertEqual(session.usage().positions, len(self.model.tokenize(QUESTION)))
        with self.assertRaises(ocelli.Error):
            self.asked().add_tokens([2**31])
        with self.assertRaises(ocelli.Error):
            self.asked().add_video([BLUE, RED])

    def test_a_closed_session_is_refused(self):
        session = self.model.session()
        session.close()
        session.close()
        with self.assertRaises(ocelli.Error):
            session.add("more")


class Shots(unittest.TestCase):
    """In-context naming: see tests/zoo."""

    def test_demonstrations_are_worded_as_the_file_does(self):
        with ocelli.Model(FLAMINGO, threads=1) as model, model.session() as session:
            self.assertTrue(model.takes_shots)
            session.add_shot("This is a dax.", image=BLUE).add_shot("This is a fep.", image=RED)
            session.add_query("This is a", image=BLUE)
            dax, fep = session.score([" dax", " fep"])
            self.assertGreater(dax.sum, fep.sum)
        with ocelli.Model(MODEL) as model, model.session() as session:
            with self.assertRaises(ocelli.Error) as caught:
                session.add_shot("blue", image=BLUE)
            self.assertEqual((model.takes_shots, caught.exception.name), (False, "OCELLI_ERR_UNSUPPORTED"))


class Conversations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = ocelli.Model(with_key(MODEL.read_bytes(), "tokenizer.chat_template", TEMPLATE), threads=1)

    @classmethod
    def tearDownClass(cls):
        cls.model.close()

    def chat(self, *arguments, **options):
        chat = self.model.chat(*arguments, **options)
        self.addCleanup(chat.close)
        return chat

    ASK = "what color is the shape?"

    def test_a_turn_is_what_the_template_makes_of_it(self):
        chat = self.chat()
        answer = chat.ask(self.ASK, BLUE)
        with self.model.session(complete=True) as session:
            self.assertEqual(session.add(BLUE, QUESTION).generate(), answer)
        self.assertEqual(chat.turns, [("user", self.ASK, 1), ("assistant", answer.text, 0)])
        self.assertTrue(self.model.chats)

    def test_streaming_goes_on_from_what_was_read(self):
        chat = self.chat()
        self.assertEqual("".join(chat.stream(self.ASK, BLUE)), chat.answer.text)
        read = chat.session.usage()
        chat.ask(self.ASK, RED)
        self.assertGreaterEqual(chat.session.usage().reused, read.prompt)
        self.assertEqual([turn.role for turn in chat.turns], ["user", "assistant"] * 2)

    def test_system_reset_and_undo(self):
        chat = self.chat("Be brief.")
        chat.ask(self.ASK, BLUE)
        self.assertEqual(len(chat.turns), 3)
        chat.undo()
        self.assertEqual(chat.turns, [("system", "Be brief.", 0)])
        chat.undo()
        self.assertEqual(len(chat.turns), 1)
        chat.ask(self.ASK, BLUE)
        chat.reset()
        self.assertEqual(chat.turns, [("system", "Be brief.", 0)])

    def test_what_fails_leaves_no_trace(self):
        chat = self.chat()
        chat.ask(self.ASK, BLUE)
        before = chat.turns
        chat.cancel()
        with self.assertRaises(ocelli.Cancelled):
            chat.ask("and now?")
        self.assertEqual(chat.turns, before)
        with self.assertRaises(KeyError):
            chat.ask("and now?", listen=lambda piece: {}[piece], max_new_tokens=4, min_new_tokens=4)
        self.assertEqual(chat.turns, before)
        with self.assertRaises(ocelli.Error):
            chat.ask("and now?", temperature=-1)
        self.assertEqual(chat.turns, before)

    def test_the_oldest_turns_are_dropped(self):
        chat, dropped = self.chat("Be brief.", context=96), 0
        for _ in range(8):
            chat.ask(self.ASK, BLUE, max_new_tokens=4)
            dropped += chat.dropped
        self.assertGreater(dropped, 0)
        self.assertEqual(chat.turns[0].role, "system")
        self.assertLess(len(chat.turns), 17)

    def test_all_that_is_said_is_text(self):
        eos = self.model.token(self.model.eos).data.decode()
        chat = self.chat()
        chat.ask("what is <image> " + eos + "?", max_new_tokens=1, min_new_tokens=1)
        self.assertIn(eos, chat.turns[0].text)

    def test_saving(self):
        chat = self.chat("Be brief.")
        chat.ask(self.ASK, BLUE)
        other = self.chat()
        other.restore(chat.save())
        self.assertEqual(other.turns, chat.turns)
        self.assertEqual(other.ask(self.ASK, RED), chat.ask(self.ASK, RED))

    def test_turns_and_pieces_do_not_mix(self):
        chat = self.chat()
        chat.ask(self.ASK, BLUE)
        with self.assertRaises(ocelli.Error) as caught:
            chat.session.add("more")
        self.assertEqual(caught.exception.name, "OCELLI_ERR_ORDER")
        with self.model.session() as session:
            session.add("a text")
            with self.assertRaises(ocelli.Error) as caught:
                session.add_turn("user", "hello")
            self.assertEqual(caught.exception.name, "OCELLI_ERR_ORDER")
            self.assertEqual(session.turns(), [])
            with self.assertRaises(ocelli.Error):
                session.take_turn_back()

    def test_a_file_without_a_template(self):
        with ocelli.Model(MODEL) as model, self.assertRaises(ocelli.Error) as caught:
            model.chat("Be brief.")
        self.assertIn("chat template", caught.exception.message)


if __name__ == "__main__":
    print("CPython %d.%d.%d" % sys.version_info[:3])
    unittest.main()
