"""Compiles the kernels of engine/src/kernels/cuda to PTX for compute_75 and compute_80, and checks what ptxas makes of it.

    python3 tests/gpu/compile.py BIN           compiles, and writes engine/src/kernels/cuda/ptx
    python3 tests/gpu/compile.py BIN check     compiles, compares bytes, and runs ptxas for every architecture

BIN is the folder of nvcc, ptxas and nvdisasm 13.0.88 (PyPI: nvidia-cuda-nvcc, nvidia-nvvm, nvidia-cuda-crt,
nvidia-cuda-runtime 13.0.*, nvidia-cuda-nvdisasm; no GPU and no driver are needed). What is the same for both targets is kept once, for compute_75. The first line of each file is a hash (FNV-1a, 64 bits) over the source, the
headers, the flags and the compiler's version, which a test compares without a compiler.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CUDA = ROOT / "engine/src/kernels/cuda"
VERSION = "13.0.88"
TARGETS = (75, 80)
# Compute capabilities that ptxas compiles for, and from which target.
ARCHITECTURES = ((75, 75), (80, 80), (87, 80), (89, 80), (90, 80))
BLOCKS = "Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K".split()
FLOATS = "F32 F16 BF16".split()
# What the machine code of modules has to contain, by the beginning of their names.
CONTAINS = {"mm": "IMMA"}


def modules():
    """Name of the module, source, format or none."""
    for form in BLOCKS:
        yield f"mv_{form.lower()}", "mv.cu", form
        yield f"repack_{form.lower()}", "repack.cu", form
        yield f"gather_{form.lower()}", "gather.cu", form
        yield f"mm_{form.lower()}", "mm.cu", form
    for form in FLOATS:
        yield f"mv_{form.lower()}", "mvf.cu", form
    for source in sorted(CUDA.glob("*.cu")):
        if source.name not in ("mv.cu", "mvf.cu", "repack.cu", "gather.cu", "mm.cu"):
            yield source.stem, source.name, None


def flags(target, form):
    return ["-ptx", "-O3", f"-arch=compute_{target}"] + ([f"-DFORMAT={form}"] if form else [])


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def head(source, form, target):
    """The first line of a module."""
    given = " ".join(flags(target, form))
    parts = [(CUDA / name).read_bytes() for name in (source, "gpu.h", "forms.h", "mma.h")]
    hash_ = fnv(b"".join(parts) + f"{given} {VERSION}".encode())
    return f"// {hash_} generated from {source} with {given} by tests/gpu/compile.py; do not edit\n"


def text(bin_, source, form, target):
    given = flags(target, form)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.ptx"
        subprocess.run([bin_ / "nvcc", *given, CUDA / source, "-o", out], check=True)
        ptx = out.read_text()
    lines = [line.rstrip() for line in ptx.splitlines() if line.strip() and not line.lstrip().startswith("//")]
    ptx = "\n".join(lines) + "\n"
    ptx = re.sub(r"^\.version .*$", ".version 7.4", ptx, flags=re.M)
    return head(source, form, target) + ptx


def assemble(bin_, path, architecture):
    """Registers by kernel; fails on a spill."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = pathlib.Path(folder) / "a.cubin"
        run = subprocess.run(
            [bin_ / "ptxas", "-v", f"-arch=sm_{architecture}", path, "-o", cubin], capture_output=True, text=True
        )
        if run.returncode:
            sys.exit(f"{path.name} for sm_{architecture}: {run.stderr}")
        if re.search(r"[1-9]\d* bytes (spill|stack)", run.stderr):
            sys.exit(f"{path.name} for sm_{architecture} spills or has a stack: {run.stderr}")
        wanted = CONTAINS.get(path.name.split("_")[0])
        if wanted:
            code = subprocess.run([bin_ / "nvdisasm", "-c", cubin], capture_output=True, text=True, check=True).stdout
            if wanted not in code:
                sys.exit(f"{path.name} for sm_{architecture} has no {wanted}")
        return re.findall(r"Used (\d+) registers", run.stderr)


def main():
    bin_ = pathlib.Path(sys.argv[1])
    check = sys.argv[2:] == ["check"]
    said = subprocess.run([bin_ / "nvcc", "--version"], capture_output=True, text=True, check=True).stdout
    if f"V{VERSION}" not in said:
        sys.exit(f"nvcc is not {VERSION}: {said}")
    folder = CUDA / "ptx"
    folder.mkdir(exist_ok=True)
    total, most = 0, 0
    names = set()
    for name, source, form in modules():
        paths = [folder / f"{name}.sm_{target}.ptx" for target in TARGETS]
        kept = [(p, t) for p, t in zip(paths, TARGETS) if p.exists()]
        heads = [p.read_text().startswith(head(source, form, t)) for p, t in kept]
        if not check and heads and all(heads):
            names.update(p.name for p, _ in kept)
            total += sum(p.stat().st_size for p, _ in kept)
            continue
        texts = {target: text(bin_, source, form, target) for target in TARGETS}
        bodies = {target: re.sub(r"^(//.*|\.target .*)\n", "", made, flags=re.M) for target, made in texts.items()}
        if bodies[75] == bodies[80]:
            del texts[80]
        for target, made in texts.items():
            path = folder / f"{name}.sm_{target}.ptx"
            names.add(path.name)
            total += len(made)
            if check:
                if path.read_text() != made:
                    sys.exit(f"{path} is not what its source gives")
                for architecture, of in ARCHITECTURES:
                    if of == target or 80 not in texts:
                        most = max([most, *map(int, assemble(bin_, path, architecture))])
            else:
                path.write_text(made)
    stray = {p.name for p in folder.glob("*.ptx")} - names
    if stray:
        sys.exit(f"no source gives {sorted(stray)}")
    print(f"{len(names)} modules, {total} bytes" + (f", no spills, at most {most} registers" if check else ""))


main()
