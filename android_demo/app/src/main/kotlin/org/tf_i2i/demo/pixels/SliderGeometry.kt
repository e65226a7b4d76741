package org.tf_i2i.demo.pixels

/** A rectangle in view coordinates, right and bottom not included. */
data class Box(val left: Float, val top: Float, val right: Float, val bottom: Float) {
    val width get() = right - left
    val height get() = bottom - top

    fun isEmpty() = width <= 0 || height <= 0
}

/** The largest box with the picture's proportions in the middle of a view; empty where there is no room or no picture. */
fun fitInside(pictureWidth: Int, pictureHeight: Int, viewWidth: Int, viewHeight: Int): Box {
    if (pictureWidth <= 0 || pictureHeight <= 0 || viewWidth <= 0 || viewHeight <= 0) return Box(0f, 0f, 0f, 0f)
    val scale = minOf(viewWidth.toFloat() / pictureWidth, viewHeight.toFloat() / pictureHeight)
    val left = (viewWidth - pictureWidth * scale) / 2
    val top = (viewHeight - pictureHeight * scale) / 2
    return Box(left, top, left + pictureWidth * scale, top + pictureHeight * scale)
}

/** Where the divider at [fraction] of the picture's width stands in the view. */
fun dividerX(fraction: Float, picture: Box): Float = picture.left + fraction.coerceIn(0f, 1f) * picture.width

/** The fraction of the picture's width that a finger at [x] points to. */
fun dividerFraction(x: Float, picture: Box): Float =
    if (picture.isEmpty()) 0f else ((x - picture.left) / picture.width).coerceIn(0f, 1f)
