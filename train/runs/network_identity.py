"""Which network a file in a run's folder is of: told by the checksum of best.keras, as of a teacher."""

from train.common.errors import PneumoscopeError
from train.data.checksums import digest_file
from train.metrics.augmented_scores import AugmentedScores, read_augmented
from train.runs.run_folder import RunFolder


def network_checksum(run: RunFolder) -> str:
    """The checksum of a run's best.keras."""
    return digest_file(run.best_network)


def is_of_present_network(run: RunFolder, readings: AugmentedScores) -> bool:
    """Whether the augmented readings in a run's folder are of the network that it has now.

    Readings from before they had a checksum are told by the times of the files. A bundle has no best.keras: what lies
    in it was compared when it was exported.
    """
    if not run.best_network.is_file():
        return True
    if readings.weights:
        return readings.weights == network_checksum(run)
    return run.augmented_scores.stat().st_mtime >= run.best_network.stat().st_mtime


def read_own_augmented(run: RunFolder) -> AugmentedScores:
    """Read the augmented readings in the folder of a run or a bundle.

    Raises:
        PneumoscopeError: they are missing, damaged, or of another network than the run's.
    """
    readings = read_augmented(run.augmented_scores)
    if not is_of_present_network(run, readings):
        raise PneumoscopeError(
            f"{run.augmented_scores}: is of another network than {run.best_network.name} of {run.name}: "
            f"pneumoscope evaluate {run.name} --augmented"
        )
    return readings
