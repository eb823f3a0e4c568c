"""An object that is there as soon as its module is imported, and only then says what it wants."""

from asking import Asks

made = Asks()
