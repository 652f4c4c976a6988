"""Report of reading a folder."""

from aedenoise.data.images import UnreadableImageError
from aedenoise.data.page_reading import Pages
from aedenoise.data.reading_report import ReadingReport


def test_each_skipped_file_is_named_once_with_its_reason_and_many_are_counted() -> None:
    report = ReadingReport()
    report.add("scan.tif", Pages([1], [2, 3], "TIFF", 3))
    for number in range(1, 4):
        report.add_failure(f"{number}.png", UnreadableImageError("is damaged"))
    assert report.unreadable == ["scan.tif page 2", "scan.tif page 3", "1.png", "2.png", "3.png"]
    assert report.lines(28, 4) == [
        "skipped 5 unreadable images: scan.tif page 2; scan.tif page 3; 1.png is damaged; "
        "and 2 more"
    ]


def test_counts_agree() -> None:
    report = ReadingReport(small=1)
    report.add("moving.gif", Pages([1], [], "GIF", 9))
    assert report.lines(28, 1) == [
        "took the first frame of 1 animation: moving.gif",
        "skipped 1 image with a side below 28 pixels",
    ]
