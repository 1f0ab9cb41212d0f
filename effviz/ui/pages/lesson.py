"""Lesson: eight questions about the paper; visitors guess first, then a figure shows the answer."""

from effviz.ui.guard import guard
from effviz.ui.lesson import lesson_view
from effviz.ui.session import LESSON, LESSON_STEPS, PRESENT, adopt

adopt(LESSON, PRESENT, lesson_view.HANDOUT)
number = LESSON.get()
if lesson_view.HANDOUT.get():
    lesson_view.show_handout()
else:
    lesson_view.show_for_a_room()
    with guard():
        if number > LESSON_STEPS:
            lesson_view.show_summary()
        else:
            lesson_view.show_step(number)
    lesson_view.show_way(number)
