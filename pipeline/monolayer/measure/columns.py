"""What each measured column is, for the report, the README and whoever reads the tables.

Some belong to groups that are measured only when `MeasureSettings.groups` names them. Columns of a
channel carry its name at the end (``intensity_mean_dna``). A column in micrometres
(``_um``, ``_um2``) is the one in pixels times the pixel size once or twice.
"""

__all__ = ["CHANNEL_DEFINITIONS", "DEFINITIONS"]

DEFINITIONS = {
    "label": "label in the label image",
    "area_px": "number of pixels",
    "area_bbox_px": "pixels of the bounding box",
    "area_convex_px": "pixel centres in the convex hull of the pixels' edge midpoints",
    "extent": "area / area of the bounding box",
    "solidity": "area / convex area",
    "equivalent_diameter_area_px": "diameter of the circle of equal area",
    "bbox_min_y_px": "first row",
    "bbox_min_x_px": "first column",
    "bbox_max_y_px": "row after the last",
    "bbox_max_x_px": "column after the last",
    "centroid_y_px": "mean row of the pixels' centres",
    "centroid_x_px": "mean column of the pixels' centres",
    "axis_major_length_px": "long axis of the ellipse with the same second moments",
    "axis_minor_length_px": "short axis of the ellipse with the same second moments",
    "eccentricity": "of that ellipse; 0 for a circle",
    "orientation_rad": "angle of its long axis to the vertical (axis 0), -pi/2 to pi/2;"
    " -pi/4 where both axes are equal",
    "inertia_tensor_eigvals_0_px2": "larger variance of the pixels' positions",
    "inertia_tensor_eigvals_1_px2": "smaller variance of the pixels' positions",
    "perimeter_px": "through the border pixels' centres (Benkrid and Crookes 2000)",
    "perimeter_crofton_px": "Crofton's formula in four directions",
    "area_filled_px": "pixels with holes filled; what touches the outside by a corner is no hole",
    "form_factor": "4 pi area / perimeter_crofton squared; above 1 for a few pixels",
    "euler_number": "parts minus holes, 8-connected",
    "feret_diameter_max_px": "largest distance of two edge midpoints of the convex hull's pixels",
    "feret_diameter_min_px": "least distance of two parallel lines that enclose them",
    **{f"moments_hu_{i}": f"Hu's invariant {i + 1} of 7 (1962); group hu" for i in range(7)},
    "touches_border": "a pixel lies in the field's first or last row or column",
    "weight": "Miles-Lantuejoul 1 / p, p = (W - w)(H - h) / (W H); 0 where the border is touched",
    "nearest_neighbour_distance_px": "centroid to nearest other centroid; null when alone",
    "neighbours_within_radius": "other centroids within neighbour_radius_um; null without a"
    " pixel size",
}

CHANNEL_DEFINITIONS = {
    "intensity_mean": "mean grey level",
    "intensity_std": "standard deviation of the grey levels (population)",
    "intensity_min": "least grey level",
    "intensity_max": "largest grey level",
    "intensity_sum": "sum of grey levels, background not subtracted",
    "intensity_local_background": "mean of unlabelled pixels in a frame around the bounding box;"
    " null where there is none",
    "intensity_contrast": "mean above the local background",
    "centroid_weighted_y_px": "mean row, weighted by grey level",
    "centroid_weighted_x_px": "mean column, weighted by grey level",
    "edge_gradient_per_px": "mean length of the gradient over border pixels",
    "edge_sharpness_per_px": "edge gradient / contrast",
    "intensity_q05": "5 % quantile of the grey levels; group quantiles, as the next four",
    "intensity_q25": "25 % quantile",
    "intensity_q50": "median",
    "intensity_q75": "75 % quantile",
    "intensity_q95": "95 % quantile",
    "texture_contrast": "mean squared difference of neighbours' levels, of 32 between least and"
    " greatest; group texture, as the next three",
    "texture_homogeneity": "mean of 1 / (1 + squared difference)",
    "texture_energy": "root of the summed squares of the pairs' shares",
    "texture_correlation": "correlation of neighbours' levels; null where all are equal",
    "local_std": "mean standard deviation over 3 x 3 pixels within the object; group structure, as"
    " the next three",
    "local_range": "mean of greatest minus least grey level over 3 x 3 pixels within the object",
    "structure_coherency": "0 without direction, 1 for stripes (structure tensor)",
    "structure_orientation_rad": "angle of the stripes to the vertical (axis 0)",
}
