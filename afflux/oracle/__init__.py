"""What a log says, told one record at a time in plain Python: the fold is checked by it.

The tests hold the step to it for any log in any batches; `afflux verify` holds to it what Redis
holds. It shares constants, types and the table of powers with the rest of the core, and no code: an
import law keeps it so. A rule that is changed in the fold is written here a second time.
"""
