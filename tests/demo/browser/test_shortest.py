"""Numbers of the browser have the digits that Python prints."""

import numpy as np


def test_a_float_has_the_fewest_digits_that_name_it(node, tmp_path):
    random = np.random.default_rng(0)
    floats = np.concatenate([random.random(20_000), random.random(2_000) ** 8, [0, 1, 0.118105225]]).astype(np.float32)
    (tmp_path / "floats").write_bytes(floats.tobytes())
    printed = [float(line) for line in node("shortest.mjs", tmp_path / "floats").split()]
    assert [one for one in zip(printed, floats, strict=True) if one[0] != float(str(one[1]))] == []
