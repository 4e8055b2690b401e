"""Operations and bytes of a layer, and what a device could make of them."""

import pytest

from gscale.bench.speed.roofline import Device, Roofline, lines, rooflines


def test_a_product_has_its_operations_and_its_bytes():
    product = next(rooflines((64,)))
    assert product.step == "product"
    assert product.flops == pytest.approx(2 * 64**2, rel=0.01)
    assert product.bytes == pytest.approx(2 * 4 * 64, rel=0.02)  # a row read, a row written; the matrix once


def test_the_slower_of_two_limits_counts():
    device = Device("d", flops=10.0, bandwidth=2.0)
    by_arithmetic, by_memory = Roofline("a", 1, 100.0, 2.0), Roofline("b", 1, 10.0, 20.0)
    assert by_arithmetic.seconds(device) == 10
    assert by_arithmetic.shares(device) == (1, 0.1)
    assert by_memory.seconds(device) == 10
    assert by_memory.shares(device) == (0.1, 1)


def test_lines_name_the_device_and_every_step():
    text = list(lines((4, 8)))
    assert "H100" in text[0]
    assert len(text) == 2 + 2 * 3
