"""What is said of a share link: a telephone can read its code, and its end is a date."""

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

pytest.importorskip("segno", reason="segno is not installed here")

from demo.page.accounts import read_accounts
from demo.page.hosting.share_link import how_long, qr_code, suggested_account

ADDRESS = "https://0123456789abcdef01.gradio.live"
HALVES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def test_a_telephone_reads_the_code():
    lines = qr_code(ADDRESS).split("\n")
    assert max(map(len, lines)) < 60  # of the narrowest terminals
    picture = np.array([[HALVES[sign] for sign in line] for line in lines], np.uint8)
    picture = picture.transpose(0, 2, 1).reshape(-1, picture.shape[1])
    large = cv2.copyMakeBorder(np.kron(picture, np.ones((8, 8), np.uint8)), *(64,) * 4, cv2.BORDER_CONSTANT, value=255)
    assert cv2.QRCodeDetector().detectAndDecode(large)[0] == ADDRESS


def test_a_link_ends_in_a_week():
    assert "2026-03-08 12:30" in how_long(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))


def test_the_password_that_is_suggested_can_be_used_and_is_new(tmp_path):
    file = tmp_path / "accounts"
    file.write_text(suggested_account())
    (account,) = read_accounts(file)
    assert account.user == "guest"
    assert len(account.password) >= 12
    assert suggested_account() != suggested_account()
