"""The widget *Run*: count a folder of images without leaving napari.

It starts ``monolayer run`` in another process and listens to its events: the same tables as the
command line's, and a window that never waits. Cancel is Ctrl-C to that process.
"""

import os
import signal
from pathlib import Path
from typing import Any

from qtpy.QtCore import QCoreApplication, QProcess, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from monolayer.cli._shared import ASSAYS
from monolayer.errors import ConfigError
from monolayer_napari.bench import bench_of
from monolayer_napari.docked import Docked
from monolayer_napari.run_command import Progress, RunCommand, outcome_words
from monolayer_napari.words import Words

__all__ = ["RunWidget"]

LOG_LINES = 2000
# Without a graphics card the whole window is put together anew, 60 ms, when a word of it changes.
TELL_MS = 500
_LAST_CALL_MS = 3000


class RunWidget(Docked):
    """Start a run, see how far it is, stop it.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the finished run is opened; napari gives it by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.bench = bench_of(napari_viewer)
        self.command: RunCommand | None = None
        self.progress = Progress()
        self.process = QProcess(self)
        self._telling = QTimer(self)
        self._telling.setSingleShot(True)
        self.images, self.output, self.method = QLineEdit(), QLineEdit(), QLineEdit()
        self.assay, self.workers, self.pixel_size = QComboBox(), QSpinBox(), QDoubleSpinBox()
        self.go_button, self.cancel_button = QPushButton("Go"), QPushButton("Cancel")
        self.bar, self.told, self.log = QProgressBar(), Words(lines=4), QPlainTextEdit()
        self._fill()
        self._lay_out()
        self._connect()

    def _fill(self) -> None:
        self.assay.addItem("as the method says, or nuclei", "")
        for name, words in ASSAYS.items():
            self.assay.addItem(f"{name}: {words}", name)
        self.workers.setRange(0, os.cpu_count() or 1)
        self.workers.setSpecialValueText("one a processor")
        self.pixel_size.setRange(0.0, 1000.0)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSuffix(" um")
        self.pixel_size.setSpecialValueText("as the images say")
        self.method.setPlaceholderText("built-in; 'monolayer init' writes one")
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(LOG_LINES)
        self.cancel_button.setEnabled(False)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Images", self._with_button(self.images, self._ask_images))
        form.addRow("Run folder", self._with_button(self.output, self._ask_output))
        form.addRow("Assay", self.assay)
        form.addRow("Method", self._with_button(self.method, self._ask_method))
        form.addRow("Pixel size", self.pixel_size)
        form.addRow("Workers", self.workers)
        buttons = QHBoxLayout()
        buttons.addWidget(self.go_button)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        for widget in (self.bar, self.told):
            layout.addWidget(widget)
        layout.addWidget(self.log, 1)

    def _with_button(self, line: QLineEdit, ask: Any) -> QHBoxLayout:
        button = QPushButton("...")
        button.setMaximumWidth(30)
        button.clicked.connect(ask)
        row = QHBoxLayout()
        row.addWidget(line, 1)
        row.addWidget(button)
        return row

    def _connect(self) -> None:
        self.go_button.clicked.connect(self.go)
        self.cancel_button.clicked.connect(self.cancel)
        self._telling.timeout.connect(self._tell)
        self.process.readyReadStandardOutput.connect(self._read_events)
        self.process.readyReadStandardError.connect(self._read_log)
        self.process.finished.connect(self._ended)
        self.process.errorOccurred.connect(self._failed_to_start)
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self.stop)

    def _ask_images(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the images")
        if folder:
            self.images.setText(folder)
            if not self.output.text():
                self.output.setText(str(Path(folder).parent / f"{Path(folder).name}-RUN"))

    def _ask_output(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the run, new or begun")
        if folder:
            self.output.setText(folder)

    def _ask_method(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Method", filter="Methods (*.yaml *.yml)")
        if path:
            self.method.setText(path)

    def asked(self) -> RunCommand:
        """What the form asks for."""
        return RunCommand(
            images=self.images.text(),
            output=self.output.text(),
            assay=self.assay.currentData() or "",
            method=self.method.text().strip(),
            pixel_size_um=self.pixel_size.value() or None,
            workers=self.workers.value(),
        )

    def go(self) -> None:
        """Start, or go on where an earlier call stopped."""
        command = self.asked()
        try:
            program, arguments = command.program()
        except ConfigError as error:
            self.told.say(str(error))
            return
        self.command, self.progress = command, Progress()
        self.log.clear()
        self.log.appendPlainText(f"$ {command.words}")
        # A bar that only says that something goes on is drawn anew all the time.
        self.bar.setRange(0, 1)
        self.bar.setValue(0)
        self._set_running(True)
        self.process.start(program, arguments)

    def cancel(self) -> None:
        """Ask the run to stop; what is finished is kept. Asked again, it is ended."""
        if self.process.state() == QProcess.ProcessState.NotRunning:
            return
        if not self.cancel_button.property("asked"):
            self.cancel_button.setProperty("asked", True)
            self.told.say("Stopping: fields under way are given up.")
            os.kill(self.process.processId(), signal.SIGINT)
        else:
            self.process.terminate()

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return bool(self.process.state() != QProcess.ProcessState.NotRunning)

    def close_down(self) -> None:
        """Stop the run with its widget, in good order if it can."""
        self.stop()

    def stop(self) -> None:
        """End the run and wait for it, a few seconds at the most."""
        if self.is_running:
            os.kill(self.process.processId(), signal.SIGINT)
            if not self.process.waitForFinished(_LAST_CALL_MS):
                self.process.kill()
                self.process.waitForFinished(_LAST_CALL_MS)

    def _set_running(self, running: bool) -> None:
        self.go_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.cancel_button.setProperty("asked", False)
        self.told.say("Starting ..." if running else "")

    def _read_events(self) -> None:
        text = bytes(self.process.readAllStandardOutput().data()).decode(errors="replace")
        if self.progress.feed(text) and not self._telling.isActive():
            self._telling.start(TELL_MS)

    def _tell(self) -> None:
        """Show how far it is; some times a second are enough for the eye."""
        self.bar.setRange(0, max(self.progress.total, 1))
        self.bar.setValue(self.progress.done)
        if not self.cancel_button.property("asked"):
            self.told.say(self.progress.words)
        for failure in self.progress.failures:
            self.log.appendPlainText(failure)
        self.progress.failures.clear()

    def _read_log(self) -> None:
        text = bytes(self.process.readAllStandardError().data()).decode(errors="replace")
        self.log.appendPlainText(text.rstrip("\n"))

    def _failed_to_start(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._set_running(False)
            self.bar.setRange(0, 1)
            self.told.say(f"Python could not be started: {self.process.errorString()}.")

    def _ended(self, code: int, *_: Any) -> None:
        self._read_events()
        self._telling.stop()
        self._tell()
        self._read_log()
        self._set_running(False)
        self.bar.setRange(0, max(self.progress.total, 1))
        self.bar.setValue(self.progress.done)
        refusal = f": {self.progress.refusal}" if self.progress.refusal else "."
        self.told.say(f"The run {outcome_words(code)}{refusal} {self.progress.counted}.")
        if code in (0, 3) and self.command is not None:
            self.bench.open(self.command.run_folder)
