"""Configuration made to exhaust time or memory is refused in few words; what is merely large is read."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.config import ConfigLoader
from ipyproject.config.documents import load_yaml
from ipyproject.config.limits import MAX_CHAIN, MAX_DEPTH
from ipyproject.config.parameters import parse_params
from ipyproject.errors import ConfigError, shortened

YML, JSON, TOML = "base/parameters.yml", "base/parameters.json", "base/parameters.toml"


def levels(count, first, of_level):
    return "\n".join([f"a0: &a0 {first}", *(f"a{n}: &a{n} {of_level(f'*a{n - 1}')}" for n in range(1, count))])


def chain(count, link, last):
    return "\n".join([*(f"a{n}: {link(f'a{n + 1}')}" for n in range(count)), f"a{count}: {last}"])


BOMBS = {
    "lists": (YML, lambda: levels(12, "[x, x]", lambda name: f"[{', '.join([name] * 10)}]"), "line 6: aliases"),
    "mappings": (YML, lambda: levels(12, "{x: 1}", lambda n: f"{{a: {n}, b: {n}, c: {n}, d: {n}}}"), "line 10: aliases"),
    "merge keys": (YML, lambda: levels(40, "{x: 1}", lambda n: f"{{<<: {n}, a: {n}, b: {n}}}"), "aliases"),
    "wide merges": (
        YML,
        lambda: f"a: &a {{{', '.join(f'k{n}: 1' for n in range(5000))}}}\nb: {{<<: [{', '.join(['*a'] * 9000)}]}}",
        "aliases",
    ),
    "pairs": (YML, lambda: levels(12, "!!pairs [a: 1]", lambda n: f"!!pairs [{', '.join([f'k: {n}'] * 10)}]"), "aliases"),
    "aliases within aliases": (YML, lambda: levels(3000, "[x]", lambda name: f"[{name}]"), "levels deep|aliases"),
    "nested lists": (YML, lambda: f"a: {'[' * 100_000}", "150 levels deep"),
    "nested mappings": (YML, lambda: "".join(f"{' ' * n}a:\n" for n in range(2000)), "150 levels deep"),
    "nested keys": (YML, lambda: f"{'? ' * 50_000}x", "150 levels deep"),
    "nested JSON": (JSON, lambda: f'{{"a": {"[" * 100_000}', "150 levels deep"),
    "nested JSON, as the reader takes it": (JSON, lambda: f'{"{" + chr(34) + "a" + chr(34) + ":"}' * 700 + "1" + "}" * 700, "150 levels deep"),
    "nested TOML": (TOML, lambda: f"a = {'[' * 100_000}", "150 levels deep"),
    "TOML keys": (TOML, lambda: f"b = 1\n{'.'.join(['a'] * 50_000)} = 1", "line 2: nested more than 150 levels deep"),
    "a long number": (YML, lambda: f"b: 1\na: {'9' * 100_000}", "line 2: a whole number of more than 1,000 digits"),
    "base 60": (YML, lambda: f"a: 1{':10' * 100_000}", "a whole number of more than 1,000 digits"),
    "a long hexadecimal": (TOML, lambda: f"a = 0x{'f' * 100_000}", "a whole number of more than 1,000 digits"),
    "a long number in JSON": (JSON, lambda: f'{{"a": {"9" * 100_000}}}', "a whole number of more than 1,000 digits"),
    "keys of one hash": (YML, lambda: "".join(f"{n * (2**61 - 1)}: 1\n" for n in range(20_000)), "line 10: a key"),
    "directives": (YML, lambda: f"{''.join(f'%TAG !a{n}! tag:x{chr(10)}' for n in range(30_000))}---\na: 1", "%TAG"),
    "a large file": (YML, lambda: f"a: 1\n{'#' * 21_000_000}", "larger than 20 MB"),
    "open references": (YML, lambda: f"a: {{b: '{'${' * 30_000}'}}", r"a\.b: more than 1,000 references in one text"),
    "nested references": (YML, lambda: f"a: '{'${' * 30_000}b{'}' * 30_000}'", "more than 1,000 references"),
    "many references": (YML, lambda: f"b: 1\na: '{'${b}' * 30_000}'", "more than 1,000 references"),
    "deep references": (YML, lambda: f"b: b\na: '{'${' * 900}b{'}' * 900}'", "more than 20 references within each other"),
    "deep lists for a resolver": (YML, lambda: f"b: 1\na: ['${{oc.create:{'[' * 900}{']' * 900}}}']", r"a\[0\]: references .* too often"),
    "a long reference": (YML, lambda: f"a: '${{a{'[0]' * 5000}}}'", "a reference of more than 2,000 characters"),
    "an open, long reference": (YML, lambda: f"a: '${{{' ' * 90_000}'", "a reference of more than 2,000 characters"),
    "a long text": (YML, lambda: f"a: '{'x' * 200_000}${{oc.env:HOME}}'", "more than 100,000 characters"),
    "a chain": (YML, lambda: chain(10_000, "${{{}}}".format, 1), "a0: more than 100 references lead"),
    "a chain, last one first": (YML, lambda: "\n".join(reversed(chain(10_000, "${{{}}}".format, 1).split("\n"))), "more than 100"),
    "a chain of texts": (YML, lambda: chain(10_000, "x${{{}}}".format, 1), "a0: more than 100 references lead"),
    "a chain of resolvers": (YML, lambda: chain(10_000, "${{oc.select:{}}}".format, 1), "too often"),
    "a chain of mappings": (YML, lambda: chain(10_000, "{{b: '${{{}}}'}}".format, 1), "a0: more than 100 references"),
    "a long way around": (YML, lambda: chain(10_000, "${{{}}}".format, "${a0}"), "more than 100 references"),
    "texts that double": (YML, lambda: chain(60, "${{{0}}}${{{0}}}".format, "x"), "more than 100,000,000 characters"),
    "lists that double": (YML, lambda: chain(60, "['${{{0}}}', '${{{0}}}']".format, "x"), "more than 1,000,000 values"),
    "texts that double, by OmegaConf": (YML, lambda: chain(25, "${{{0}}}${{{0}}}".format, "${oc.env:PATH}"), "2,000 references to"),
    "lists that double, by OmegaConf": (YML, lambda: chain(60, "['${{{0}}}', '${{{0}}}']".format, "${oc.env:PATH}"), "2,000 references to"),
    "computed references that double": (
        YML,
        lambda: "\n".join([
            *(f"n{n}: x{n}" for n in range(26)),
            "a:",
            *(f"  x{n}: ${{a.${{n{n + 1}}}}}${{a.${{n{n + 1}}}}}" for n in range(25)),
            "  x25: ${oc.env:PATH}",
        ]),
        "2,000 references to",
    ),
    "a large value, often": (YML, lambda: f"a: [{'x, ' * 9000}]\nb: [{', '.join(['${a}'.join(chr(39) * 2)] * 9000)}]", "1,000,000 values"),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(load, bomb):
    """The message names the file, what is too much and the limit, is short, and says what to do."""
    file, content, expected = BOMBS[bomb]
    with pytest.raises(ConfigError, match=expected) as raised:
        load({file: content()})["parameters"]
    assert raised.value.message.startswith(f"conf/{file}")
    assert raised.value.hint
    assert len(str(raised.value)) < 1000


def test_time_and_memory_are_bounded(write_conf):
    """All of that takes a process with 1.5 GB of memory no more than a minute of computing, on whatever machine."""
    for number, (file, content, _) in enumerate(BOMBS.values()):
        write_conf({f"../{number}/conf/{file}": content()})
    code = (
        "import sys, pathlib\nfrom ipyproject.config import ConfigLoader\nfrom ipyproject.errors import ConfigError\n"
        "for folder in range(int(sys.argv[2])):\n"
        "    try: ConfigLoader(pathlib.Path(sys.argv[1]) / str(folder) / 'conf')['parameters']\n"
        "    except ConfigError: pass\n    else: raise SystemExit(folder)"
    )
    limits = lambda: [  # noqa: E731
        resource.setrlimit(what, (most, most))
        for what, most in ((resource.RLIMIT_AS, 1_500_000_000), (resource.RLIMIT_CPU, 60))
    ]
    command = [sys.executable, "-c", code, str(write_conf({}).parent), str(len(BOMBS))]
    assert subprocess.run(command, check=False, preexec_fn=limits).returncode == 0


def test_large_files_are_read(load):
    """Five megabytes with anchors, merge keys, references, and a chain of the length that is allowed, are configuration."""
    count = 65_000
    many = "".join(f"m{n}: {{<<: *d, seed: {n}, path: 'folder/of/data/{n}.parquet', also: *d}}\n" for n in range(count))
    values = load(
        {
            YML: f"d: &d {{lr: 0.1, steps: [1, 2], name: some text, tag: abcdef}}\n{many}{'#' * 2_000_000}\n"
            f"{chain(MAX_CHAIN, '${{{}}}'.format, 7)}\nr: ['${{m1.seed}}', '${{d}}', 'x${{m2.path}}']\n"
        }
    )["parameters"]
    assert values["m64999"] == {"lr": 0.1, "steps": [1, 2], "name": "some text", "tag": "abcdef"} | {
        "seed": 64_999, "path": "folder/of/data/64999.parquet", "also": values["d"],
    }  # fmt: skip
    assert values["a0"] == 7
    assert values["r"] == [1, values["d"], "xfolder/of/data/2.parquet"]


@pytest.mark.parametrize("file", [YML, JSON, TOML])
def test_depth_that_is_allowed(load, file):
    """What is nested as deeply as is allowed is read, merged, copied and resolved."""
    deep = "[" * (MAX_DEPTH - 1) + '"${b}"' + "]" * (MAX_DEPTH - 1)
    content = {YML: f"a: {deep}\nb: 1", JSON: f'{{"a": {deep}, "b": 1}}', TOML: f"a = {deep}\nb = 1"}[file]
    value = load({file: content})["parameters"]["a"]
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == 1


def test_chains_have_one_length_in_any_order(load):
    """Whether a chain of references is too long does not depend on which of its keys comes first."""
    for count, is_allowed in ((MAX_CHAIN, True), (MAX_CHAIN + 1, False)):
        lines = chain(count, "${{{}}}".format, 7).split("\n")
        for ordered in (lines, lines[::-1], lines[1::2] + lines[::2]):
            loader = load({YML: "\n".join(ordered)})
            if is_allowed:
                assert set(loader["parameters"].values()) == {7}
            else:
                with pytest.raises(ConfigError, match="more than 100 references lead"):
                    loader["parameters"]


def test_small_cycles_are_told(load):
    """A reference that leads back to itself is still told as what it is, with the way around."""
    with pytest.raises(ConfigError, match=r"a refers to itself: a -> b -> a"):
        load({YML: "a: ${b}\nb: ${a}"})["parameters"]


@given(
    st.recursive(
        st.integers() | st.text("ab") | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    )
)
def test_aliases_change_nothing(data):
    """Data that is far below the limits reads as PyYAML reads it, aliases included."""
    import yaml

    shared = {"one": data, "two": [data, {"three": data}]}  # the dumper writes aliases for it
    assert load_yaml(yaml.safe_dump(shared)) == shared


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a={'[' * 50_000}{']' * 50_000}", "150 levels deep"),
        (f"{'.'.join(['a'] * 100_000)}=1", "150 levels deep"),
        (f"{'.'.join(['a'] * 100)}={'[' * 100}{']' * 100}", "150 levels deep"),
        (f"a={'9' * 100_000}", "more than 1,000 digits"),
        (f"a={'x' * 1_000_001}", "longer than 1,000,000 characters"),
        (f"a={'${' * 30_000}", "never closed"),
        (f"a={']' * 100_000}", "unbalanced"),
        ("a={x: &a [1,1,1,1],b: &b [*a,*a,*a,*a]," + ",".join(f"c{n}: &c{n} [*b,*b]" if n == 0 else f"c{n}: &c{n} [*c{n - 1},*c{n - 1}]" for n in range(30)) + "}", "aliases"),
    ],
)  # fmt: skip
def test_parameter_strings_are_bounded(text, expected):
    """A parameter string is read with the same limits, and what is shown of it is short."""
    with pytest.raises(ConfigError, match=expected) as raised:
        parse_params(text)
    assert len(str(raised.value)) < 1500


def test_many_parameters():
    """Twenty thousand parameters, or pieces of one, are read; of contradictions the first is told."""
    assert len(parse_params(",".join(f"a{n}.b=1" for n in range(20_000)))) == 20_000
    assert parse_params("a=x" + ", y" * 20_000)["a"].count("y") == 20_000
    with pytest.raises(ConfigError, match=r"'a\.b' and 'a' contradict"):
        parse_params("a.b=1,a.c=2,a=3")
    with pytest.raises(ConfigError, match=r"'a' and 'a\.b\.c' contradict"):
        parse_params("a=1,a.b.c=2")


# -- archives


class Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size

    def readable(self):
        return True

    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        buffer[:count] = b"#" * count
        self.left -= count
        return count


def member(name, size=0, **attributes):
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def zipped(path, method=zipfile.ZIP_DEFLATED, **sizes):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, size in sizes.items():
            with archive.open(f"base/{name}.yml", "w", force_zip64=True) as file:
                for _ in range(0, size, 1_000_000):
                    file.write(b"#" * 1_000_000)


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for info in members:
            archive.addfile(info, Zeros(info.size))


def many_in_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"base/{number}", "")


ARCHIVES = {
    "one file of a zip": ("c.zip", lambda path: zipped(path, a=300_000_000), r"20 MB in the file base/a\.yml"),
    "all of a zip": ("c.zip", lambda path: zipped(path, **dict.fromkeys("abcdef", 18_000_000)), "100 MB, unpacked"),
    "many in a zip": ("c.zip", many_in_zip, "10,000 files and folders"),
    "slow packing": ("c.zip", lambda path: zipped(path, zipfile.ZIP_LZMA, a=50_000_000), "another method than deflate"),
    "one file of a tar": ("c.tar.gz", lambda path: tarred(path, member("base/a.yml", 300_000_000)), "20 MB in the file"),
    "what is not read": ("c.tar.gz", lambda path: tarred(path, member("base/a.txt", 300_000_000)), "100 MB, unpacked"),
    "many in a tar": ("c.tar.gz", lambda path: tarred(path, *(member(f"base/{n}") for n in range(10_001))), "10,000 files"),
    "headers": ("c.tar.gz", lambda path: tarred(path, member("x", 300_000_000, type=tarfile.GNUTYPE_LONGNAME)), "100 MB, unpacked"),
}  # fmt: skip


@pytest.mark.parametrize("bomb", ARCHIVES)
def test_archives_that_unpack_to_too_much_are_refused(tmp_path, bomb):
    """An archive is refused by the bytes that come out of it and by its entries; the message names it and the limit."""
    name, make, expected = ARCHIVES[bomb]
    make(tmp_path / name)
    with pytest.raises(ConfigError, match=expected) as raised:
        ConfigLoader(tmp_path / name)
    assert str(tmp_path / name) in raised.value.message
    assert raised.value.hint


def test_a_directory_that_lies_about_sizes(tmp_path):
    """What a zip's directory says of a file's size is not believed."""
    path = tmp_path / "c.zip"
    zipped(path, a=300_000_000)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.zip can't be read"):
        ConfigLoader(path)


def test_nothing_outside_an_archive_is_read(tmp_path):
    """Links, devices and names that lead out of an archive are passed over, so that only its own files count."""
    (tmp_path / "secret.yml").write_text("secret: 1")
    good = member("./base/parameters.yml")
    others = [
        member("base/parameters_link.yml", type=tarfile.SYMTYPE, linkname=str(tmp_path / "secret.yml")),
        member("base/parameters_hard.yml", type=tarfile.LNKTYPE, linkname=str(tmp_path / "secret.yml")),
        member("base/parameters_device.yml", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        member("base/parameters_pipe.yml", type=tarfile.FIFOTYPE),
    ]
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive, zipfile.ZipFile(tmp_path / "c.zip", "w") as packed:
        for name in [
            "./base/parameters.yml",
            "../base/parameters_1.yml",
            "base/../../parameters_2.yml",
            "/base/parameters_3.yml",
        ]:
            content = b"a: 1" if name == good.name else f"x{name[-5]}: 1".encode()
            archive.addfile(member(name, len(content)), io.BytesIO(content))
            packed.writestr(name, content)
        for info in others:
            archive.addfile(info)
        link = zipfile.ZipInfo("base/parameters_link.yml")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "c: 1")
    for name in ("c.tar.gz", "c.zip"):
        assert ConfigLoader(tmp_path / name)["parameters"] == {"a": 1}


def test_messages_stay_short():
    """A name of any length is shown by its beginning."""
    assert shortened("x" * 1000) == "x" * 400 + " ..."
