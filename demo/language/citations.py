"""What this work stands on, to be cited: names, titles and numbers, the same in every language."""

from dataclasses import dataclass

SOFTWARE = "pneumoscope {version}: two convolutional networks read the same chest X-ray side by side."


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes:
        subject: what it stands for here: "films", "study_of_films", "network_b" or "temperature".
        text: authors, title, place and year.
        identifier: "doi:…" or "arXiv:…".
        address: where it can be read.
    """

    subject: str
    text: str
    identifier: str
    address: str


REFERENCES = (
    Reference(
        "films",
        "Kermany D, Zhang K, Goldbaum M. Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
        "Classification. Mendeley Data, 2018.",
        "doi:10.17632/rscbjbr9sj",
        "https://doi.org/10.17632/rscbjbr9sj",
    ),
    Reference(
        "study_of_films",
        "Kermany DS, Goldbaum M, Cai W, et al. Identifying Medical Diagnoses and Treatable Diseases by Image-Based "
        "Deep Learning. Cell 172 (2018) 1122–1131.",
        "doi:10.1016/j.cell.2018.02.010",
        "https://doi.org/10.1016/j.cell.2018.02.010",
    ),
    Reference(
        "network_b",
        "He K, Zhang X, Ren S, Sun J. Identity Mappings in Deep Residual Networks. ECCV 2016.",
        "arXiv:1603.05027",
        "https://arxiv.org/abs/1603.05027",
    ),
    Reference(
        "temperature",
        "Guo C, Pleiss G, Sun Y, Weinberger KQ. On Calibration of Modern Neural Networks. ICML 2017.",
        "arXiv:1706.04599",
        "https://arxiv.org/abs/1706.04599",
    ),
)
