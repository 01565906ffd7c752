/** How a check says that it was violated. It goes on afterwards: the world stops the run after the first report. */
export type Report = (checker: string, message: string) => void;
