mod midi;
