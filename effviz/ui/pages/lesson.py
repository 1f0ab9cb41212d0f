"""Lesson: eight questions through the paper, each guessed first and then answered by its figure."""

from effviz.ui.guard import guard
from effviz.ui.lesson import handout, lesson_view
from effviz.ui.session import LESSON, LESSON_STEPS, PRESENT

for setting in (LESSON, PRESENT, handout.HANDOUT):
    with guard():
        setting.adopt()
number = LESSON.get()
if handout.HANDOUT.get():
    handout.show()
else:
    lesson_view.show_for_a_room()
    with guard():
        if number > LESSON_STEPS:
            lesson_view.show_summary()
        else:
            lesson_view.show_step(number)
    lesson_view.show_way(number)
